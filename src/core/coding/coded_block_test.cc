#include "core/coding/coded_block.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/hash.h"
#include "base/random.h"
#include "core/coding/chunk_decoder.h"
#include "support/expect_failure.h"
#include "support/synthetic_contribution.h"

namespace templar {
namespace {

using testing::fails;

constexpr BlockCoding kMean{Quantiser::kMean4, 4};
constexpr BlockCoding kLog{Quantiser::kBlockLog, 16};
constexpr BlockCoding kF32{Quantiser::kNone, 2};
constexpr BlockCoding kBf16{Quantiser::kNoneBf16, 2};

CodecSpec codec_of(int64_t chunk, int64_t topk, const BlockCoding& coding) {
  return {.chunk = chunk, .topk = topk, .quantiser = coding.quantiser, .quantiser_bins = coding.bins};
}

EncodedParameter block_of(std::vector<int64_t> shape, int64_t chunk, int64_t topk,
                          const BlockCoding& coding) {
  return testing::synthetic_blocks({{"parameter", shape}}, codec_of(chunk, topk, coding), 5)[0];
}

Bytes coded(const EncodedParameter& block, const BlockCoding& coding, ThreadTeam* team = nullptr) {
  ByteWriter writer;
  write_coded_block(block, coding, writer, team);
  return writer.take();
}

Result<CheckedBlock> read(const Bytes& bytes, const BlockCoding& coding) {
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
  EXPECT_EQ(decode_block(parsed->block), block);
}

TEST(CodedBlock, ComesBackAsItWas) {
  for (const BlockCoding& coding : {kMean, kLog, kF32, kBf16}) {
    expect_round_trip(block_of({128, 64}, 64, 64, coding), coding);
    expect_round_trip(block_of({48, 50}, 64, 48, coding), coding);
    expect_round_trip(block_of({640}, 64, 64, coding), coding);
    expect_round_trip(block_of({200, 256}, 256, 700, coding), coding);
    expect_round_trip(block_of({40, 40}, 8, 40, coding), coding);
    expect_round_trip(block_of({4000}, 8, 1, coding), coding);
  }
}

TEST(CodedBlock, KeepsItsBytesFromVersionToVersion) {
  // Frozen: a change of format without a change of codec would show here.
  const auto hash = [](std::vector<int64_t> shape, int64_t chunk, int64_t topk, const BlockCoding& coding) {
    return blake2b_256(coded(block_of(std::move(shape), chunk, topk, coding), coding)).hex();
  };
  EXPECT_EQ(hash({128, 64}, 64, 64, kMean),
            "ab54518e30113a703dfc28076138f01827128faac266ecf3583c1352cd6b01ab");
  EXPECT_EQ(hash({128, 64}, 64, 64, kLog),
            "44db95fd8a652021b3f4f58957648384489b897585a00c613c5ffaf1a20e3b4a");
  EXPECT_EQ(hash({48, 50}, 64, 48, kLog), "2e0e636fd028a3ca8f0ac9ffebd280ea3d4c2402a74583520a515f0dbb173db2");
}

TEST(CodedBlock, SendsValuesAsTheyAreWhereThereIsNoQuantiser) {
  const EncodedParameter block = block_of({128, 64}, 64, 64, kF32);
  const auto size = [&](const BlockCoding& coding) {
    return static_cast<int64_t>(coded(block_of({128, 64}, 64, 64, coding), coding).size());
  };
  EXPECT_EQ(size(kF32) - size(kBf16), 2 * block.plan.kept_total()) << "positions are coded alike";
}

TEST(CodedBlock, RefusesValuesThatMayNotBeSent) {
  const EncodedParameter block = block_of({16, 16}, 16, 1, kF32);
  const Bytes good = coded(block, kF32);
  // One chunk of one value: its 32 bits end in the last byte or the one before.
  const auto with = [&](float value) {
    // Written as another value's bits where the good one's are.
    const auto from = std::bit_cast<uint32_t>(block.values[0]);
    const auto to = std::bit_cast<uint32_t>(value);
    Bytes bytes = good;
    for (size_t shift = 0; shift < 8; ++shift) {
      const size_t bit = bytes.size() * 8 - 32 - shift;
      uint32_t found = 0;
      for (size_t i = 0; i < 32; ++i) found |= uint32_t{(bytes[(bit + i) / 8] >> ((bit + i) % 8)) & 1u} << i;
      if (found != from) continue;
      for (size_t i = 0; i < 32; ++i) {
        const auto mask = static_cast<uint8_t>(1u << ((bit + i) % 8));
        bytes[(bit + i) / 8] =
            static_cast<uint8_t>((bytes[(bit + i) / 8] & ~mask) | ((to >> i & 1) != 0 ? mask : 0));
      }
      return bytes;
    }
    ADD_FAILURE() << "the value was not found";
    return bytes;
  };
  EXPECT_TRUE(read(with(kMaxCodebookMagnitude), kF32));
  EXPECT_TRUE(read(with(0.0f), kF32));
  for (const float bad : {std::nextafter(kMaxCodebookMagnitude, 2e9f), -2e6f, -0.0f, INFINITY, NAN})
    EXPECT_TRUE(fails(read(with(bad), kF32), ErrorKind::kSkip, "values: one is not finite")) << bad;
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
  std::vector<uint16_t> wanted(6);
  DecodedChunk chunk(block.plan);
  for (int64_t first = 0; first < block.plan.chunk_count(); first += 7) {
    ChunkDecoder decoder(parsed->block, first, chunk);
    EXPECT_EQ(decoder.next(chunk), block.scales[static_cast<size_t>(first)]);
    std::copy_n(block.positions.begin() + first * 6, 6, wanted.begin());
    EXPECT_TRUE(std::ranges::is_permutation(chunk.positions(), wanted));
    EXPECT_TRUE(std::ranges::is_permutation(
        chunk.codes(), std::span(block.codes).subspan(static_cast<size_t>(first) * 6, 6)));
  }
}

// 64 of 4096 positions have log2 C(4096, 64) / 64 = 7.364 bits each. With two bins a value has its sign
// besides.
TEST(CodedBlock, TakesUniformPositionsWithinOnePercentOfTheirEntropy) {
  const BlockCoding signs_only{Quantiser::kBlockLog, 2};
  EncodedParameter block = block_of({1024, 1024}, 64, 64, signs_only);
  std::ranges::fill(block.scales, 0.5f);
  const double bits = 8.0 * static_cast<double>(coded(block, signs_only).size()) /
                      static_cast<double>(block.plan.kept_total());
  EXPECT_GT(bits, 7.364 + 1);
  EXPECT_LT(bits, 7.364 * 1.01 + 1);
}

// Whatever is accepted must be the one encoding of what it says.
void expect_no_other_spelling(const Bytes& bytes, const BlockCoding& coding) {
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes flipped = bytes;
    flipped[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    const auto parsed = read(flipped, coding);
    if (parsed) {
      ASSERT_EQ(coded(decode_block(parsed->block), coding), flipped) << bit;
    }
  }
  for (size_t size = 0; size < bytes.size(); ++size) {
    const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    ASSERT_TRUE(fails(read(cut, coding), ErrorKind::kSkip));
  }
}

TEST(CodedBlock, AcceptsNoOtherSpelling) {
  for (const BlockCoding& coding : {kMean, kLog, kF32, kBf16}) {
    expect_no_other_spelling(coded(block_of({32, 32}, 8, 6, coding), coding), coding);
    expect_no_other_spelling(coded(block_of({32, 32}, 8, 60, coding), coding), coding);  // hardly any room
    expect_no_other_spelling(coded(block_of({48, 32}, 16, 100, coding), coding), coding);
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

// Under other odds the same bits can be another content; that must then be its one encoding.
TEST(CodedBlock, TakesNoOtherParametersForTheSameContent) {
  for (const BlockCoding& coding : {kMean, kLog, kF32, kBf16}) {
    const Bytes bytes = coded(block_of({64, 64}, 16, 20, coding), coding);
    const size_t first = coding.has_signs() ? 9 : 9 + 4 * sizeof(float);
    const auto parameters = static_cast<size_t>(coding.levels() - 1 + (coding.has_signs() ? 1 : 0));
    size_t refused = 0;
    for (size_t i = first; i < first + parameters; ++i) {
      for (int value = 0; value < 256; ++value) {
        if (value == bytes[i]) continue;
        Bytes other = bytes;
        other[i] = static_cast<uint8_t>(value);
        const auto parsed = read(other, coding);
        if (!parsed) ++refused;
        if (parsed) {
          ASSERT_EQ(coded(decode_block(parsed->block), coding), other) << "byte " << i << " is " << value;
        }
      }
    }
    EXPECT_GE(refused, 254 * parameters);
  }
}

TEST(CodedBlock, RefusesACodebookThatCannotBe) {
  EncodedParameter block = block_of({64, 64}, 16, 20, kMean);
  for (uint8_t& code : block.codes) code = code == 3 ? uint8_t{2} : code;
  block.codebook[3] = 0.0f;
  const Bytes good = coded(block, kMean);
  ASSERT_TRUE(read(good, kMean).has_value());
  const auto with_entry = [&](size_t bin, float value) {
    Bytes bytes = good;
    std::memcpy(bytes.data() + 8 + bin * sizeof(value), &value, sizeof(value));
    return read(bytes, kMean);
  };
  EXPECT_TRUE(fails(with_entry(1, std::nanf("")), ErrorKind::kSkip, "codebook: entry 1 is nan"));
  EXPECT_TRUE(fails(with_entry(1, 1.1e6f), ErrorKind::kSkip, "codebook: entry 1"));
  EXPECT_TRUE(fails(with_entry(1, -0.0f), ErrorKind::kSkip, "negative zero"));
  EXPECT_TRUE(fails(with_entry(3, 0.5f), ErrorKind::kSkip, "no value has that code"));
}

TEST(CodedBlock, KnowsTheNormOfItsValues) {
  for (const BlockCoding& coding : {kMean, kLog, kF32, kBf16}) {
    const EncodedParameter block = block_of({320, 300}, 50, 40, coding);
    const Bytes bytes = coded(block, coding);
    const auto parsed = read(bytes, coding);
    ASSERT_TRUE(parsed.has_value());
    double squares = 0;
    for (const float value : block.values) squares += double{value} * double{value};
    for (size_t i = 0; i < block.codes.size(); ++i) {
      const float scale =
          block.scales.empty() ? 1.0f : block.scales[i / static_cast<size_t>(block.plan.kept)];
      squares += std::pow(static_cast<double>(scale) * block.codebook[block.codes[i]], 2);
    }
    EXPECT_NEAR(parsed->squared_norm, squares, 1e-12 * squares);
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
  EXPECT_TRUE(fails(read(bytes, kMean), ErrorKind::kSkip, "segment ends"));
}

}  // namespace
}  // namespace templar
