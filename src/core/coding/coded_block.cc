#include "core/coding/coded_block.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "core/coding/block_canon.h"
#include "core/coding/block_parts.h"
#include "core/coding/block_validator.h"
#include "core/coding/chunk_decoder.h"

namespace templar {
namespace {

constexpr int64_t kShapeBytes = 8;

Result<ChunkPlan> read_shape(ByteReader& reader) {
  TRY_ASSIGN(const auto chunks, reader.get<uint32_t>("chunk count"));
  TRY_ASSIGN(const auto tile_rows_less_one, reader.get<uint8_t>("tile rows"));
  TRY_ASSIGN(const auto tile_columns_less_one, reader.get<uint8_t>("tile columns"));
  TRY_ASSIGN(const auto kept_less_one, reader.get<uint16_t>("kept"));
  if (chunks == 0) return skip_error("chunk count: is 0");
  ChunkPlan plan;
  plan.tile_rows = tile_rows_less_one + 1;
  plan.tile_columns = tile_columns_less_one + 1;
  plan.kept = kept_less_one + 1;
  plan.rows = plan.tile_rows;
  plan.columns = int64_t{chunks} * plan.tile_columns;
  if (plan.kept > plan.chunk_elements()) {
    return skip_error(fmt::format("kept: {} of a chunk of {} elements", plan.kept, plan.chunk_elements()));
  }
  return plan;
}

Status check_shape(const ChunkPlan& found, const ChunkPlan& expected) {
  if (found.chunk_count() == expected.chunk_count() && found.tile_rows == expected.tile_rows &&
      found.tile_columns == expected.tile_columns && found.kept == expected.kept) {
    return {};
  }
  return skip_error(fmt::format("{} chunks of {} x {} with {} kept, the run spec says {} of {} x {} with {}",
                                found.chunk_count(), found.tile_rows, found.tile_columns, found.kept,
                                expected.chunk_count(), expected.tile_rows, expected.tile_columns,
                                expected.kept));
}

Result<std::vector<float>> read_codebook(ByteReader& reader, int64_t bins) {
  TRY_ASSIGN(const ByteView bytes, reader.get_bytes(bins * sizeof(float), "codebook"));
  std::vector<float> codebook(bins);
  std::memcpy(codebook.data(), bytes.data(), bytes.size());
  for (size_t bin = 0; bin < codebook.size(); ++bin) {
    const float value = codebook[bin];
    // Written so that a NaN fails too.
    if (!(std::fabs(value) <= kMaxCodebookMagnitude)) {
      return skip_error(
          fmt::format("codebook: entry {} is {}, at most {} is allowed", bin, value, kMaxCodebookMagnitude));
    }
    if (is_negative_zero(value)) return skip_error(fmt::format("codebook: entry {} is a negative zero", bin));
  }
  return codebook;
}

Status read_parameters(ByteReader& reader, CodedBlock& block) {
  TRY_ASSIGN(block.mode, reader.get<uint8_t>("mode"));
  if (block.mode >= kPositionModes) return skip_error(fmt::format("mode: {} is not known", block.mode));
  if (block.coding.has_signs()) {
    TRY_ASSIGN(block.scale_rice, reader.get<uint8_t>("scale parameter"));
    if (block.scale_rice > kMaxScaleRice)
      return skip_error(fmt::format("scale parameter: {} is not known", block.scale_rice));
  }
  TRY_ASSIGN(const ByteView odds, reader.get_bytes(block.coding.levels() - 1, "level odds"));
  for (const uint8_t of_level : odds) {
    if (of_level < 1 || of_level > kMaxLevelOdds)
      return skip_error(fmt::format("level odds: {} is not between 1 and {}", of_level, kMaxLevelOdds));
  }
  block.cells = CellCoder::of(block.plan, block.mode);
  block.levels = LevelCode::of(block.coding.levels(), odds);
  return {};
}

// Everything before the segments.
Result<CodedBlock> read_head(ByteReader& reader, const BlockCoding& coding, const ChunkPlan* expected) {
  CHECK(coding.bins >= 2 && coding.bins <= 256 && (!coding.has_signs() || coding.bins % 2 == 0));
  CodedBlock block;
  block.coding = coding;
  TRY_ASSIGN(block.plan, read_shape(reader));
  if (expected != nullptr) {
    TRY(check_shape(block.plan, *expected));
    // Equal in all that the bytes say; but how the chunks lie in the parameter stands in no block.
    block.plan = *expected;
  }
  if (coding.has_signs()) block.codebook = block_log_codebook(coding.bins);
  if (coding.has_codebook()) {
    TRY_ASSIGN(block.codebook, read_codebook(reader, coding.bins));
  }
  block.bytes = reader.bytes();
  TRY(read_parameters(reader, block));
  block.ends = reader.position();
  TRY(reader.get_bytes(segment_count(block.plan) * sizeof(uint32_t), "segment ends"));
  block.segments = reader.position();
  return block;
}

// That all segments lie inside the bytes is known before the first is decoded: a decoder looks at no bound
// but the end of its segment, once a chunk.
Status read_segments(ByteReader& reader, const CodedBlock& block) {
  const size_t segments = segment_count(block.plan);
  for (size_t i = 0; i < segments; ++i) {
    const size_t begin = block.segment_begin(i);
    const size_t end = block.segment_end(i);
    if (end < begin)
      return skip_error(
          fmt::format("segment ends: {} of segment {} lies before its begin at {}", end, i, begin));
    TRY(reader.get_bytes(end - begin, "segment"));
  }
  return {};
}

}  // namespace

size_t CodedBlock::segment_end(size_t number) const {
  uint32_t end = 0;
  std::memcpy(&end, bytes.data() + ends + number * sizeof(end), sizeof(end));
  return end;
}

int64_t max_coded_block_size(const ChunkPlan& plan, const BlockCoding& coding) {
  const int64_t levels = coding.levels();
  const int64_t segments = segment_count(plan);
  const int64_t codebook_bytes = coding.has_codebook() ? coding.bins * int64_t{sizeof(float)} : 0;
  const int64_t header = kShapeBytes + codebook_bytes + (coding.has_signs() ? 1 : 0) + 1 + (levels - 1) +
                         segments * int64_t{sizeof(uint32_t)};
  // A rank takes at most six bits a position; an interval of cells that has anything in it one code.
  const int64_t cells = std::max(plan.tile_rows * ((plan.tile_columns + 63) / 64),
                                 plan.tile_columns * ((plan.tile_rows + 63) / 64));
  const int64_t depth = bits_for(cells);
  const int64_t intervals = std::min(cells - 1, plan.kept * depth);
  const int64_t position_bits =
      plan.kept == plan.chunk_elements() ? 0 : intervals * kMaxPrefixBits + 6 * plan.kept;
  // A symbol has one level at least, and may have the code of a tuple that hardly ever occurs.
  const int64_t level_bits = levels == 1 ? 0 : kMaxPrefixBits * plan.kept;
  // With the largest parameter a scale takes at most one 1, the 0 and the low bits; the cheapest parameter
  // takes no more for all of them together.
  const int64_t sign_bits = coding.has_signs() ? plan.kept + kMaxScaleRice + 2 : 0;
  const int64_t value_bits = coding.value_bits() * plan.kept;
  const int64_t bits = plan.chunk_count() * (position_bits + level_bits + sign_bits + value_bits);
  // Each segment is filled up to a whole byte.
  return header + bits / 8 + segments;
}

Result<CheckedBlock> read_coded_block(ByteReader& reader, const BlockCoding& coding,
                                      const ChunkPlan* expected) {
  TRY_ASSIGN(CodedBlock block, read_head(reader, coding, expected));
  TRY(read_segments(reader, block));
  return check_block(std::move(block));
}

CodedBlock open_coded_block(ByteView bytes, size_t offset, const BlockCoding& coding,
                            const ChunkPlan* expected) {
  ByteReader reader(bytes, offset);
  auto block = read_head(reader, coding, expected);
  CHECK(block.has_value());
  return std::move(*block);
}

EncodedParameter decode_block(const CodedBlock& block) {
  EncodedParameter decoded;
  decoded.plan = block.plan;
  decoded.codebook = block.codebook;
  DecodedChunk chunk(block.plan);
  const bool has_codes = block.coding.value_bits() == 0;
  // Position, and where it stands in the order of coding.
  std::vector<std::array<uint32_t, 2>> ordered(block.plan.kept);
  decoded.positions.reserve(block.plan.kept_total());
  ChunkDecoder decoder(block, 0, chunk);
  for (int64_t number = 0; number < block.plan.chunk_count(); ++number) {
    const float scale = decoder.next(chunk);
    if (block.coding.has_signs()) decoded.scales.push_back(scale);
    // A transposed mode gives them column by column.
    for (uint32_t i = 0; i < ordered.size(); ++i) ordered[i] = {chunk.positions()[i], i};
    std::ranges::sort(ordered);
    for (const auto& [position, i] : ordered) {
      decoded.positions.push_back(static_cast<uint16_t>(position));
      if (has_codes) {
        decoded.codes.push_back(chunk.codes()[i]);
      } else {
        decoded.values.push_back(chunk.values()[i]);
      }
    }
  }
  return decoded;
}

}  // namespace templar
