#include "core/protocol/coded_block.h"

#include <fmt/format.h>

#include <algorithm>
#include <bitset>
#include <cmath>

#include "base/check.h"
#include "core/protocol/bit_packing.h"

namespace templar {
namespace {

constexpr int64_t kShapeBytes = 8;

// A chunk that is kept whole needs no positions: they are 0, 1, 2, ...
int position_bits(const ChunkPlan& plan) {
  return plan.kept == plan.chunk_elements() ? 0 : bits_for(plan.chunk_elements());
}

bool is_negative_zero(float value) {
  return value == 0.0f && std::signbit(value);
}

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
  TRY_ASSIGN(const ByteView bytes, reader.get_bytes(static_cast<size_t>(bins) * sizeof(float), "codebook"));
  std::vector<float> codebook(static_cast<size_t>(bins));
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

Status check_positions(const CodedBlock& block) {
  const int bits = position_bits(block.plan);
  if (bits == 0) return {};
  const auto elements = static_cast<uint32_t>(block.plan.chunk_elements());
  BitReader reader(block.positions, 0);
  for (int64_t chunk = 0; chunk < block.plan.chunk_count(); ++chunk) {
    uint32_t lowest_allowed = 0;
    for (int64_t i = 0; i < block.plan.kept; ++i) {
      const uint32_t position = reader.get(bits);
      if (position >= elements) {
        return skip_error(fmt::format("positions: {} in chunk {} of {} elements", position, chunk, elements));
      }
      if (position < lowest_allowed) {
        return skip_error(fmt::format("positions: {} in chunk {} does not ascend", position, chunk));
      }
      lowest_allowed = position + 1;
    }
  }
  if (reader.rest_of_byte() != 0) return skip_error("positions: a padding bit is set");
  return {};
}

Status check_codes(const CodedBlock& block) {
  const auto bins = static_cast<uint32_t>(block.codebook.size());
  const int bits = bits_for(bins);
  std::bitset<256> used;
  BitReader reader(block.codes, 0);
  for (int64_t i = 0; i < block.plan.kept_total(); ++i) {
    const uint32_t code = reader.get(bits);
    if (code >= bins) return skip_error(fmt::format("codes: {} of value {} with {} bins", code, i, bins));
    used.set(code);
  }
  if (reader.rest_of_byte() != 0) return skip_error("codes: a padding bit is set");
  for (uint32_t bin = 0; bin < bins; ++bin) {
    if (!used[bin] && block.codebook[bin] != 0.0f) {
      return skip_error(
          fmt::format("codebook: entry {} is {}, but no value has that code", bin, block.codebook[bin]));
    }
  }
  return {};
}

}  // namespace

ChunkDecoder::ChunkDecoder(const CodedBlock& block, int64_t first_chunk)
    : block_(&block), chunk_(first_chunk) {}

void ChunkDecoder::next(std::span<uint16_t> positions, std::span<uint8_t> codes) {
  const ChunkPlan& plan = block_->plan;
  const auto kept = static_cast<size_t>(plan.kept);
  CHECK(chunk_ < plan.chunk_count() && positions.size() >= kept && codes.size() >= kept);
  const int bits = position_bits(plan);
  const int code_bits = bits_for(static_cast<int64_t>(block_->codebook.size()));
  if (bits == 0) {
    for (size_t i = 0; i < kept; ++i) positions[i] = static_cast<uint16_t>(i);
  } else {
    BitReader reader(block_->positions, chunk_ * plan.kept * bits);
    for (size_t i = 0; i < kept; ++i) positions[i] = static_cast<uint16_t>(reader.get(bits));
  }
  BitReader reader(block_->codes, chunk_ * plan.kept * code_bits);
  for (size_t i = 0; i < kept; ++i) codes[i] = static_cast<uint8_t>(reader.get(code_bits));
  ++chunk_;
}

int64_t coded_block_size(const ChunkPlan& plan, int64_t bins) {
  return kShapeBytes + bins * static_cast<int64_t>(sizeof(float)) +
         packed_size(plan.kept_total(), position_bits(plan)) + packed_size(plan.kept_total(), bits_for(bins));
}

void write_coded_block(const EncodedParameter& block, ByteWriter& writer) {
  const ChunkPlan& plan = block.plan;
  const auto total = static_cast<size_t>(plan.kept_total());
  CHECK(plan.chunk_count() <= UINT32_MAX && plan.tile_rows <= kMaxChunkEdge &&
        plan.tile_columns <= kMaxChunkEdge);
  CHECK(block.positions.size() == total && block.codes.size() == total);
  writer.put(static_cast<uint32_t>(plan.chunk_count()));
  writer.put(static_cast<uint8_t>(plan.tile_rows - 1));
  writer.put(static_cast<uint8_t>(plan.tile_columns - 1));
  writer.put(static_cast<uint16_t>(plan.kept - 1));
  writer.put_bytes(as_bytes(std::span<const float>(block.codebook)));
  BitWriter bits(writer);
  const int width = position_bits(plan);
  for (size_t i = 0; i < total && width > 0; ++i) bits.put(block.positions[i], width);
  bits.finish();
  const int code_width = bits_for(static_cast<int64_t>(block.codebook.size()));
  for (size_t i = 0; i < total; ++i) bits.put(block.codes[i], code_width);
  bits.finish();
}

Result<CodedBlock> read_coded_block(ByteReader& reader, int64_t bins, const ChunkPlan* expected) {
  CHECK(bins >= 2 && bins <= 256);
  CodedBlock block;
  TRY_ASSIGN(block.plan, read_shape(reader));
  if (expected != nullptr) {
    TRY(check_shape(block.plan, *expected));
    block.plan = *expected;
  }
  TRY_ASSIGN(block.codebook, read_codebook(reader, bins));
  const int64_t total = block.plan.kept_total();
  TRY_ASSIGN(
      block.positions,
      reader.get_bytes(static_cast<size_t>(packed_size(total, position_bits(block.plan))), "positions"));
  TRY_ASSIGN(block.codes, reader.get_bytes(static_cast<size_t>(packed_size(total, bits_for(bins))), "codes"));
  TRY(check_positions(block));
  TRY(check_codes(block));
  return block;
}

std::vector<int64_t> count_codes(const CodedBlock& block) {
  std::vector<int64_t> counts(block.codebook.size(), 0);
  const int bits = bits_for(static_cast<int64_t>(counts.size()));
  BitReader reader(block.codes, 0);
  for (int64_t i = 0; i < block.plan.kept_total(); ++i) ++counts[reader.get(bits)];
  return counts;
}

EncodedParameter decode_block(const CodedBlock& block) {
  EncodedParameter decoded;
  decoded.plan = block.plan;
  decoded.codebook = block.codebook;
  decoded.positions.resize(static_cast<size_t>(block.plan.kept_total()));
  decoded.codes.resize(decoded.positions.size());
  const auto kept = static_cast<size_t>(block.plan.kept);
  ChunkDecoder decoder(block, 0);
  for (size_t first = 0; first < decoded.positions.size(); first += kept) {
    decoder.next(std::span(decoded.positions).subspan(first, kept),
                 std::span(decoded.codes).subspan(first, kept));
  }
  return decoded;
}

}  // namespace templar
