#include "core/protocol/coded_block.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "core/protocol/block_log.h"
#include "support/expect_failure.h"
#include "support/synthetic_contribution.h"

namespace templar {
namespace {

using testing::fails;

constexpr BlockCoding kMean{Quantiser::kMean4, 4};
constexpr BlockCoding kLog{Quantiser::kBlockLog, 16};

CodecSpec codec_of(int64_t chunk, int64_t topk, const BlockCoding& coding) {
  return {.chunk = chunk, .topk = topk, .quantiser = coding.quantiser, .quantiser_bins = coding.bins};
}

EncodedParameter block_of(std::vector<int64_t> shape, int64_t chunk, int64_t topk,
                          const BlockCoding& coding) {
  EncodedParameter block =
      testing::synthetic_blocks({{"parameter", shape}}, codec_of(chunk, topk, coding), 5)[0];
  if (!coding.has_signs()) return block;
  block.codebook = block_log_codebook(coding.bins);
  const auto kept = static_cast<size_t>(block.plan.kept);
  for (size_t i = 0; i < static_cast<size_t>(block.plan.chunk_count()); ++i) {
    block.scales.push_back(i % 5 == 3 ? 0.0f
                                      : std::bit_cast<float>(static_cast<uint32_t>(3900 + i % 7) << 18));
    if (i % 5 == 3) std::ranges::fill(std::span(block.codes).subspan(i * kept, kept), uint8_t{0});
  }
  return block;
}

Bytes coded(const EncodedParameter& block, const BlockCoding& coding, ThreadTeam* team = nullptr) {
  ByteWriter writer;
  write_coded_block(block, coding, writer, team);
  return writer.take();
}

Result<CodedBlock> read(const Bytes& bytes, const BlockCoding& coding) {
  ByteReader reader(bytes);
  return read_coded_block(reader, coding);
}

void expect_round_trip(const EncodedParameter& block, const BlockCoding& coding) {
  const Bytes bytes = coded(block, coding);
  EXPECT_LE(static_cast<int64_t>(bytes.size()), max_coded_block_size(block.plan, coding));
  ByteReader reader(bytes);
  const auto parsed = read_coded_block(reader, coding, &block.plan);
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  EXPECT_EQ(reader.remaining(), 0u);
  EXPECT_EQ(decode_block(*parsed), block);
}

TEST(CodedBlock, ComesBackAsItWas) {
  for (const BlockCoding& coding : {kMean, kLog}) {
    expect_round_trip(block_of({128, 64}, 64, 64, coding), coding);
    expect_round_trip(block_of({48, 50}, 64, 48, coding), coding);
    expect_round_trip(block_of({640}, 64, 64, coding), coding);
    expect_round_trip(block_of({200, 256}, 256, 700, coding), coding);
    expect_round_trip(block_of({40, 40}, 8, 40, coding), coding);
    expect_round_trip(block_of({4000}, 8, 1, coding), coding);
  }
}

TEST(CodedBlock, IsTheSameFromAnyNumberOfThreads) {
  const EncodedParameter block = block_of({512, 512}, 16, 12, kLog);
  ThreadTeam team(3);
  EXPECT_EQ(coded(block, kLog, &team), coded(block, kLog));
}

TEST(CodedBlock, DecodesFromAnyChunkOn) {
  const EncodedParameter block = block_of({48, 400}, 8, 6, kLog);
  const Bytes bytes = coded(block, kLog);
  const auto parsed = read(bytes, kLog);
  ASSERT_TRUE(parsed.has_value());
  std::vector<uint16_t> positions(6);
  std::vector<uint16_t> wanted(6);
  std::vector<uint8_t> codes(6);
  for (int64_t first = 0; first < block.plan.chunk_count(); first += 7) {
    ChunkDecoder decoder(*parsed, first);
    EXPECT_EQ(decoder.next(positions, codes), block.scales[static_cast<size_t>(first)]);
    std::ranges::sort(positions);
    std::copy_n(block.positions.begin() + first * 6, 6, wanted.begin());
    EXPECT_EQ(positions, wanted);
  }
}

TEST(CodedBlock, TakesUniformPositionsInSevenAndAHalfBits) {
  BlockCoding coding = kMean;
  EncodedParameter block = block_of({1024, 1024}, 64, 64, coding);
  std::ranges::fill(block.codes, uint8_t{0});
  std::ranges::fill(block.codebook, 0.0f);
  const double bits =
      8.0 * static_cast<double>(coded(block, coding).size()) / static_cast<double>(block.plan.kept_total());
  EXPECT_LT(bits, 7.6);
}

// Whatever is accepted must be the one encoding of what it says.
TEST(CodedBlock, AcceptsNoOtherSpelling) {
  for (const BlockCoding& coding : {kMean, kLog}) {
    const Bytes bytes = coded(block_of({32, 32}, 8, 6, coding), coding);
    for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      Bytes flipped = bytes;
      flipped[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
      const auto parsed = read(flipped, coding);
      if (parsed) {
        ASSERT_EQ(coded(decode_block(*parsed), coding), flipped) << bit;
      }
    }
    for (size_t size = 0; size < bytes.size(); ++size) {
      ASSERT_TRUE(fails(read(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)), coding),
                        ErrorKind::kSkip));
    }
  }
}

// Tiles that aren't square: transposed, the same bits would otherwise be the transposed content's.
TEST(CodedBlock, RefusesAnotherMode) {
  const Bytes bytes = coded(block_of({480, 1000}, 50, 64, kLog), kLog);
  for (uint8_t mode = 0; mode <= kPositionModes; ++mode) {
    Bytes other = bytes;
    other[8] = mode;
    EXPECT_EQ(read(other, kLog).has_value(), mode == bytes[8]);
  }
}

TEST(CodedBlock, RefusesAShapeThatCannotBe) {
  const Bytes good = coded(block_of({8, 8}, 8, 6, kMean), kMean);
  Bytes bytes = good;
  bytes[0] = 0;
  EXPECT_TRUE(fails(read(bytes, kMean), ErrorKind::kSkip, "chunk count: is 0"));
  bytes = good;
  bytes[6] = 64;
  EXPECT_TRUE(fails(read(bytes, kMean), ErrorKind::kSkip, "kept: 65 of a chunk of 64"));
  bytes = good;
  bytes[3] = 0xff;  // four thousand million chunks: must not be allocated
  EXPECT_TRUE(fails(read(bytes, kMean), ErrorKind::kSkip, "segment lengths"));
}

}  // namespace
}  // namespace templar
