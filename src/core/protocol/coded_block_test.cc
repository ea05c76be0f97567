#include "core/protocol/coded_block.h"

#include <gtest/gtest.h>

#include <limits>

#include "support/expect_failure.h"
#include "support/synthetic_contribution.h"

namespace templar {
namespace {

using testing::fails;

CodecSpec codec_of(int64_t chunk, int64_t topk, int64_t bins) {
  return {.chunk = chunk, .topk = topk, .quantiser_bins = bins};
}

EncodedParameter block_of(std::vector<int64_t> shape, const CodecSpec& codec) {
  return testing::synthetic_blocks({{"parameter", shape}}, codec, 5)[0];
}

Bytes coded(const EncodedParameter& block) {
  ByteWriter writer;
  write_coded_block(block, writer);
  return writer.take();
}

Result<CodedBlock> read(const Bytes& bytes, int64_t bins = 4) {
  ByteReader reader(bytes);
  return read_coded_block(reader, bins);
}

void expect_round_trip(const EncodedParameter& block) {
  const Bytes bytes = coded(block);
  const auto bins = static_cast<int64_t>(block.codebook.size());
  EXPECT_EQ(static_cast<int64_t>(bytes.size()), coded_block_size(block.plan, bins));
  const auto parsed = read(bytes, bins);
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  const EncodedParameter decoded = decode_block(*parsed);
  EXPECT_EQ(decoded.positions, block.positions);
  EXPECT_EQ(decoded.codes, block.codes);
  EXPECT_EQ(decoded.codebook, block.codebook);
}

// A block of one chunk of 16 with four kept: small enough to spell out.
EncodedParameter tiny_block() {
  EncodedParameter block;
  block.plan = {.rows = 1, .columns = 16, .tile_rows = 1, .tile_columns = 16, .kept = 4};
  block.codebook = {-0.5f, 0.0f, 0.25f, 1.0f};
  block.positions = {1, 4, 9, 15};
  block.codes = {0, 3, 2, 3};
  return block;
}

TEST(CodedBlock, ComesBackAsItWas) {
  expect_round_trip(tiny_block());
  expect_round_trip(block_of({64, 64}, codec_of(64, 64, 4)));
  expect_round_trip(block_of({12, 20}, codec_of(8, 7, 256)));
  expect_round_trip(block_of({40}, codec_of(8, 2, 2)));
  expect_round_trip(block_of({101}, codec_of(64, 64, 6)));
  expect_round_trip(block_of({256, 256}, codec_of(256, 4096, 4)));
}

TEST(CodedBlock, HasTheBytesThatTheProtocolDescribes) {
  EXPECT_EQ(to_hex(coded(tiny_block())),
            "01000000"                          // one chunk
            "000f0300"                          // of 1 x 16, four kept
            "000000bf000000000000803e0000803f"  // codebook
            "41f9"                              // positions 1, 4, 9, 15 in four bits each
            "ec");                              // codes 0, 3, 2, 3 in two bits each
}

TEST(CodedBlock, SendsNoPositionsOfAChunkThatIsKeptWhole) {
  const EncodedParameter block = block_of({128}, codec_of(64, 64, 4));
  EXPECT_EQ(coded(block).size(), 8u + 16u + 32u);
  expect_round_trip(block);
}

TEST(CodedBlock, DecodesFromAnyChunkOn) {
  const EncodedParameter block = block_of({24, 40}, codec_of(8, 6, 4));
  const Bytes bytes = coded(block);
  const auto parsed = read(bytes);
  ASSERT_TRUE(parsed.has_value());
  std::vector<uint16_t> positions(6);
  std::vector<uint8_t> codes(6);
  for (int64_t first = 0; first < block.plan.chunk_count(); ++first) {
    ChunkDecoder decoder(*parsed, first);
    for (int64_t chunk = first; chunk < block.plan.chunk_count(); ++chunk) {
      decoder.next(positions, codes);
      for (size_t i = 0; i < 6; ++i) {
        ASSERT_EQ(positions[i], block.positions[static_cast<size_t>(chunk) * 6 + i]);
        ASSERT_EQ(codes[i], block.codes[static_cast<size_t>(chunk) * 6 + i]);
      }
    }
  }
}

TEST(CodedBlock, CountsItsCodes) {
  const Bytes bytes = coded(tiny_block());
  EXPECT_EQ(count_codes(*read(bytes)), (std::vector<int64_t>{1, 0, 1, 2}));
}

TEST(CodedBlock, RefusesPositionsThatDoNotAscend) {
  EncodedParameter block = tiny_block();
  block.positions = {1, 9, 4, 15};
  EXPECT_TRUE(fails(read(coded(block)), ErrorKind::kSkip, "positions: 4 in chunk 0 does not ascend"));
  block.positions = {1, 4, 4, 15};
  EXPECT_TRUE(fails(read(coded(block)), ErrorKind::kSkip, "does not ascend"));
}

TEST(CodedBlock, RefusesAPositionOutsideItsChunk) {
  EncodedParameter block = tiny_block();
  block.plan.columns = block.plan.tile_columns = 12;
  EXPECT_TRUE(fails(read(coded(block)), ErrorKind::kSkip, "positions: 15 in chunk 0 of 12 elements"));
}

TEST(CodedBlock, RefusesACodebookThatIsNotCanonical) {
  const struct {
    float entry;
    const char* reason;
  } cases[] = {{std::numeric_limits<float>::quiet_NaN(), "entry 0 is nan"},
               {std::numeric_limits<float>::infinity(), "entry 0 is inf"},
               {-2.0f * kMaxCodebookMagnitude, "entry 0 is -2097152"},
               {-0.0f, "negative zero"}};
  for (const auto& [entry, reason] : cases) {
    EncodedParameter block = tiny_block();
    block.codebook[0] = entry;
    EXPECT_TRUE(fails(read(coded(block)), ErrorKind::kSkip, reason));
  }
  EncodedParameter block = tiny_block();
  block.codebook[1] = 0.125f;  // no value has code 1
  EXPECT_TRUE(fails(read(coded(block)), ErrorKind::kSkip, "entry 1 is 0.125, but no value has that code"));
}

TEST(CodedBlock, RefusesACodeBeyondTheBins) {
  EncodedParameter block = tiny_block();
  block.codebook = {-0.5f, 0.0f, 0.25f};  // three bins in two bits
  EXPECT_TRUE(fails(read(coded(block), 3), ErrorKind::kSkip, "codes: 3 of value 1 with 3 bins"));
}

TEST(CodedBlock, RefusesPaddingThatIsNotZero) {
  EncodedParameter block = tiny_block();
  block.plan.kept = 3;
  block.positions = {1, 4, 9};
  block.codes = {0, 3, 2};
  Bytes bytes = coded(block);
  ASSERT_TRUE(read(bytes).has_value());
  bytes[bytes.size() - 2] |= 0x80;  // above the twelve bits of positions
  EXPECT_TRUE(fails(read(bytes), ErrorKind::kSkip, "positions: a padding bit is set"));
  bytes = coded(block);
  bytes.back() |= 0x40;  // above the six bits of codes
  EXPECT_TRUE(fails(read(bytes), ErrorKind::kSkip, "codes: a padding bit is set"));
}

TEST(CodedBlock, RefusesAShapeThatCannotBe) {
  Bytes bytes = coded(tiny_block());
  bytes[0] = 0;
  EXPECT_TRUE(fails(read(bytes), ErrorKind::kSkip, "chunk count: is 0"));
  bytes = coded(tiny_block());
  bytes[6] = 16;
  EXPECT_TRUE(fails(read(bytes), ErrorKind::kSkip, "kept: 17 of a chunk of 16"));
  bytes = coded(tiny_block());
  bytes[3] = 0xff;  // four thousand million chunks: must not be allocated
  EXPECT_TRUE(fails(read(bytes), ErrorKind::kSkip, "positions: needs"));
}

TEST(CodedBlock, RefusesEveryTruncation) {
  const Bytes bytes = coded(tiny_block());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(fails(read(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size))),
                      ErrorKind::kSkip, "bytes at offset"));
  }
}

}  // namespace
}  // namespace templar
