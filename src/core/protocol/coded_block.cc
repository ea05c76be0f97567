#include "core/protocol/coded_block.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.h"
#include "core/protocol/block_canon.h"
#include "core/protocol/block_log.h"
#include "core/protocol/block_parts.h"

namespace templar {
namespace {

constexpr int64_t kShapeBytes = 8;

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

Status read_parameters(ByteReader& reader, CodedBlock& block) {
  TRY_ASSIGN(block.mode, reader.get<uint8_t>("mode"));
  if (block.mode >= kPositionModes) return skip_error(fmt::format("mode: {} is not known", block.mode));
  if (block.coding.has_signs()) {
    TRY_ASSIGN(block.scale_rice, reader.get<uint8_t>("scale parameter"));
    if (block.scale_rice > kMaxScaleRice)
      return skip_error(fmt::format("scale parameter: {} is not known", block.scale_rice));
  }
  TRY_ASSIGN(const ByteView levels,
             reader.get_bytes(static_cast<size_t>(block.coding.levels() - 1), "level parameters"));
  for (const uint8_t parameter : levels) {
    if ((parameter & ~kInvertedRice) > kMaxLevelRice)
      return skip_error(fmt::format("level parameters: {} is not known", parameter));
  }
  block.level_rice.assign(levels.begin(), levels.end());
  return {};
}

Status read_segments(ByteReader& reader, CodedBlock& block) {
  const size_t count = segment_count(block.plan);
  TRY_ASSIGN(const ByteView lengths, reader.get_bytes(count * sizeof(uint32_t), "segment lengths"));
  block.segments.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    uint32_t length = 0;
    std::memcpy(&length, lengths.data() + i * sizeof(length), sizeof(length));
    TRY_ASSIGN(const ByteView segment, reader.get_bytes(length, "segment"));
    block.segments.push_back(segment);
  }
  return {};
}

}  // namespace

// Decodes all of a block once, and compares what it chose with what is cheapest.
class BlockValidator {
 public:
  explicit BlockValidator(CodedBlock& block)
      : block_(block),
        levels_(block.coding.levels()),
        positions_(static_cast<size_t>(block.plan.kept)),
        codes_(static_cast<size_t>(block.plan.kept)) {}

  Status run() {
    block_.code_counts.assign(static_cast<size_t>(block_.coding.bins), 0);
    for (const float entry : block_.codebook) squares_.push_back(double{entry} * double{entry});
    squares_.resize(static_cast<size_t>(block_.coding.levels()));
    for (size_t segment = 0; segment < block_.segments.size(); ++segment) TRY(run_segment(segment));
    if (!block_.coding.has_signs()) TRY(check_codebook());
    return check_choices();
  }

 private:
  Status run_segment(size_t segment) {
    const int64_t begin = static_cast<int64_t>(segment) * kSegmentChunks;
    const int64_t end = std::min(begin + kSegmentChunks, block_.plan.chunk_count());
    ChunkDecoder decoder(block_, begin);
    decoder.statistics_ = &levels_;
    double segment_sum = 0;
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      const uint32_t index_before = decoder.scale_index_;
      if (!decoder.decode(positions_, codes_)) {
        return skip_error(fmt::format("{} in chunk {}", decoder.problem_, chunk));
      }
      if (block_.coding.has_signs() && chunk != begin)
        scales_.add(zigzag(index_before, decoder.scale_index_));
      if (is_sampled(block_.plan, chunk)) {
        sampled_.insert(sampled_.end(), positions_.begin(), positions_.end());
      }
      TRY(count_chunk(chunk, decoder.scale_, segment_sum));
    }
    block_.squared_norm += segment_sum;
    const size_t length = block_.segments[segment].size();
    if (decoder.reader_.bytes_begun() != length) {
      return skip_error(fmt::format("segment: {} has {} bytes, its chunks take {}", segment, length,
                                    decoder.reader_.bytes_begun()));
    }
    if (!decoder.reader_.padding_is_zero())
      return skip_error(fmt::format("segment: a padding bit of {} is set", segment));
    return {};
  }

  Status count_chunk(int64_t chunk, float scale, double& segment_sum) {
    if (!block_.coding.has_signs()) {
      for (const uint8_t code : codes_) ++block_.code_counts[code];
      return {};
    }
    std::array<int64_t, 256> counts{};
    for (const uint8_t code : codes_) ++counts[code];
    if (scale == 0.0f && counts[0] != block_.plan.kept) {
      return skip_error(fmt::format("codes: not all 0 in chunk {}, whose scale is 0", chunk));
    }
    const auto levels = static_cast<size_t>(block_.coding.levels());
    double sum = 0;
    for (size_t level = 0; level < levels; ++level) {
      sum += static_cast<double>(counts[level] + counts[levels + level]) * squares_[level];
    }
    segment_sum += double{scale} * double{scale} * sum;
    for (size_t code = 0; code < block_.code_counts.size(); ++code) block_.code_counts[code] += counts[code];
    return {};
  }

  Status check_codebook() {
    for (size_t bin = 0; bin < block_.codebook.size(); ++bin) {
      const float entry = block_.codebook[bin];
      if (block_.code_counts[bin] == 0 && entry != 0.0f) {
        return skip_error(fmt::format("codebook: entry {} is {}, but no value has that code", bin, entry));
      }
      block_.squared_norm += static_cast<double>(block_.code_counts[bin]) * squares_[bin];
    }
    return {};
  }

  Status check_choices() {
    if (const uint8_t best = scales_.cheapest_rice(); best != block_.scale_rice) {
      return skip_error(fmt::format("scale parameter: {}, the cheapest is {}", block_.scale_rice, best));
    }
    const std::vector<uint8_t> best = levels_.cheapest_rice();
    for (size_t i = 0; i < best.size(); ++i) {
      if (best[i] == block_.level_rice[i]) continue;
      return skip_error(fmt::format("level parameters: {} for level {}, the cheapest is {}",
                                    block_.level_rice[i], i + 1, best[i]));
    }
    ModeChooser chooser(block_.plan);
    const auto kept = static_cast<size_t>(block_.plan.kept);
    for (size_t i = 0; i < sampled_.size(); i += kept) chooser.add(std::span(sampled_).subspan(i, kept));
    if (const uint8_t mode = chooser.cheapest(); mode != block_.mode)
      return skip_error(fmt::format("mode: {}, the cheapest is {}", block_.mode, mode));
    return {};
  }

  CodedBlock& block_;
  LevelStatistics levels_;
  ScaleStatistics scales_;
  std::vector<double> squares_;  // of the codebook's entries, a level each
  std::vector<uint16_t> positions_;
  std::vector<uint8_t> codes_;
  std::vector<uint16_t> sampled_;
};

ChunkDecoder::ChunkDecoder(const CodedBlock& block, int64_t first_chunk)
    : block_(&block), chunk_(first_chunk / kSegmentChunks * kSegmentChunks) {
  if (chunk_ == first_chunk) return;
  std::vector<uint16_t> positions(static_cast<size_t>(block.plan.kept));
  std::vector<uint8_t> codes(positions.size());
  while (chunk_ < first_chunk) next(positions, codes);
}

bool ChunkDecoder::decode_scale() {
  if (chunk_ % kSegmentChunks == 0) {
    scale_index_ = static_cast<uint32_t>(reader_.get(kScaleIndexBits));
  } else {
    const uint64_t step = get_rice(block_->scale_rice, kMaxScaleStep, reader_);
    if (step > kMaxScaleStep) {
      problem_ = "scale: a step is too large";
      return false;
    }
    scale_index_ = unzigzag(scale_index_, static_cast<uint32_t>(step));
    if (scale_index_ > kMaxScaleIndex) {
      problem_ = fmt::format("scale: index {} is out of range", static_cast<int32_t>(scale_index_));
      return false;
    }
  }
  scale_ = std::bit_cast<float>(scale_index_ << kBlockScaleDroppedBits);
  if (statistics_ != nullptr) {
    const std::string problem = scale_problem(scale_index_, largest_entry(block_->codebook));
    if (!problem.empty()) problem_ = "scale: " + problem;
    return problem.empty();
  }
  return true;
}

bool ChunkDecoder::decode(std::span<uint16_t> positions, std::span<uint8_t> codes) {
  if (chunk_ % kSegmentChunks == 0) {
    reader_ = BitReader(block_->segments[static_cast<size_t>(chunk_ / kSegmentChunks)]);
  }
  if (block_->coding.has_signs() && !decode_scale()) return false;
  if (!block_->cells->get(reader_, counts_, positions)) {
    problem_ = "positions: a count is out of its range";
    return false;
  }
  if (!get_levels(reader_, block_->coding, block_->level_rice, statistics_, codes)) {
    problem_ = "codes: a count is larger than what is left";
    return false;
  }
  if (reader_.overran()) {
    problem_ = "segment: ends";
    return false;
  }
  ++chunk_;
  return true;
}

float ChunkDecoder::next(std::span<uint16_t> positions, std::span<uint8_t> codes) {
  const auto kept = static_cast<size_t>(block_->plan.kept);
  CHECK(chunk_ < block_->plan.chunk_count() && positions.size() >= kept && codes.size() >= kept);
  CHECK(decode(positions.first(kept), codes.first(kept)));
  return scale_;
}

int64_t max_coded_block_size(const ChunkPlan& plan, const BlockCoding& coding) {
  const int64_t levels = coding.levels();
  const auto segments = static_cast<int64_t>(segment_count(plan));
  const int64_t header = kShapeBytes + (coding.has_signs() ? 1 : coding.bins * int64_t{sizeof(float)}) + 1 +
                         (levels - 1) + segments * int64_t{sizeof(uint32_t)};
  // A rank takes at most six bits a position; an interval of cells that has anything in it one count.
  const int64_t cells = std::max(plan.tile_rows * ((plan.tile_columns + 63) / 64),
                                 plan.tile_columns * ((plan.tile_rows + 63) / 64));
  const int64_t depth = bits_for(static_cast<uint64_t>(cells));
  const int64_t intervals = std::min(cells - 1, plan.kept * depth);
  const int64_t position_bits =
      plan.kept == plan.chunk_elements() ? 0 : intervals * kMaxCountBits + 6 * plan.kept;
  // All ranks of a group together number what a fixed length would, each rounded up to a whole bit; no
  // count takes more than with the largest parameter.
  const int64_t groups = (plan.kept + kValuesOfAGroup - 1) / kValuesOfAGroup;
  const int64_t value_bits =
      plan.kept * bits_for(static_cast<uint64_t>(levels)) + groups * (levels - 1) * (kMaxLevelRice + 2 + 1);
  const int64_t sign_bits = coding.has_signs() ? plan.kept + kMaxScaleRice + 1 : 0;
  const int64_t bits = plan.chunk_count() * (position_bits + value_bits + sign_bits);
  return header + bits / 8 + segments;
}

Result<CodedBlock> read_coded_block(ByteReader& reader, const BlockCoding& coding,
                                    const ChunkPlan* expected) {
  CHECK(coding.bins >= 2 && coding.bins <= 256 && (!coding.has_signs() || coding.bins % 2 == 0));
  CodedBlock block;
  block.coding = coding;
  TRY_ASSIGN(block.plan, read_shape(reader));
  if (expected != nullptr) {
    TRY(check_shape(block.plan, *expected));
    block.plan = *expected;
  }
  if (coding.has_signs()) {
    block.codebook = block_log_codebook(coding.bins);
  } else {
    TRY_ASSIGN(block.codebook, read_codebook(reader, coding.bins));
  }
  TRY(read_parameters(reader, block));
  TRY(read_segments(reader, block));
  block.cells = CellCoder::of(block.plan, block.mode);
  TRY(BlockValidator(block).run());
  return block;
}

EncodedParameter decode_block(const CodedBlock& block) {
  EncodedParameter decoded;
  decoded.plan = block.plan;
  decoded.codebook = block.codebook;
  const auto kept = static_cast<size_t>(block.plan.kept);
  std::vector<uint16_t> positions(kept);
  std::vector<uint8_t> codes(kept);
  std::vector<uint32_t> ordered(kept);
  decoded.positions.reserve(static_cast<size_t>(block.plan.kept_total()));
  decoded.codes.reserve(static_cast<size_t>(block.plan.kept_total()));
  ChunkDecoder decoder(block, 0);
  for (int64_t chunk = 0; chunk < block.plan.chunk_count(); ++chunk) {
    const float scale = decoder.next(positions, codes);
    if (block.coding.has_signs()) decoded.scales.push_back(scale);
    for (size_t i = 0; i < kept; ++i) ordered[i] = uint32_t{positions[i]} << 8 | codes[i];
    std::ranges::sort(ordered);
    for (const uint32_t value : ordered) {
      decoded.positions.push_back(static_cast<uint16_t>(value >> 8));
      decoded.codes.push_back(static_cast<uint8_t>(value));
    }
  }
  return decoded;
}

}  // namespace templar
