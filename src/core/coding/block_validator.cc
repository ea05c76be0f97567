#include "core/coding/block_validator.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/coding/block_canon.h"
#include "core/coding/block_parts.h"
#include "core/coding/chunk_decoder.h"

namespace templar {

class BlockValidator {
 public:
  explicit BlockValidator(CheckedBlock& checked)
      : checked_(checked), block_(checked.block), chunk_(block_.plan) {}

  Status run() {
    checked_.code_counts.assign(block_.coding.value_bits() != 0 ? 1 : block_.coding.bins, 0);
    for (const float entry : block_.codebook) squares_.push_back(double{entry} * double{entry});
    for (size_t segment = 0; segment < segment_count(block_.plan); ++segment) TRY(run_segment(segment));
    if (block_.coding.has_codebook()) TRY(check_codebook());
    return check_choices();
  }

 private:
  using Problem = ChunkDecoder::Problem;

  Status run_segment(size_t segment) {
    const int64_t begin = segment * kSegmentChunks;
    const int64_t end = std::min(begin + kSegmentChunks, block_.plan.chunk_count());
    ChunkDecoder decoder(block_, begin, chunk_);
    // Each segment has a sum of its own: the order in which doubles are added is part of the protocol.
    double segment_sum = 0;
    for (int64_t number = begin; number < end; ++number) {
      // decode() overwrites it, and a step is counted from the chunk before.
      const uint32_t index_before = decoder.scale_index_;
      if (const Problem problem = decoder.decode(chunk_); problem != Problem::kNone)
        return skip_error(fmt::format("{} in chunk {}", text_of(problem, decoder), number));
      if (block_.coding.has_signs()) {
        TRY(check_scale(decoder.scale_index_, number));
        if (number != begin) scales_.add(zigzag(index_before, decoder.scale_index_));
      }
      if (is_sampled(block_.plan, number)) sample();
      count_codes(decoder.scale_index_, segment_sum);
    }
    checked_.squared_norm += segment_sum;
    const size_t end_reached = decoder.reader_.next_byte() - block_.segments;
    // Bytes that nobody reads would give one content many encodings, and so many hashes.
    if (end_reached != block_.segment_end(segment)) {
      const size_t begin_of = block_.segment_begin(segment);
      return skip_error(fmt::format("segment: {} has {} bytes, its chunks take {}", segment,
                                    block_.segment_end(segment) - begin_of, end_reached - begin_of));
    }
    if (!decoder.reader_.padding_is_zero())
      return skip_error(fmt::format("segment: a padding bit of {} is set", segment));
    return {};
  }

  static std::string text_of(Problem problem, const ChunkDecoder& decoder) {
    switch (problem) {
      case Problem::kScaleStep:
        return "scale: a step is too large";
      case Problem::kScaleIndex:
        return fmt::format("scale: index {} is out of range", static_cast<int32_t>(decoder.scale_index_));
      case Problem::kPositions:
        return "positions: a number is out of its range";
      case Problem::kLevels:
        return "levels: some come after the last value";
      case Problem::kValue:
        return fmt::format("values: one is not finite, above {} or a negative zero", kMaxCodebookMagnitude);
      default:
        return "segment: ends";
    }
  }

  Status check_scale(uint32_t index, int64_t number) const {
    if (const std::string problem = scale_problem(index, largest_entry(block_.codebook)); !problem.empty())
      return skip_error(fmt::format("scale: {} in chunk {}", problem, number));
    const auto codes = chunk_.codes();
    if (index == 0 && !std::ranges::all_of(codes, [](uint8_t code) { return code == 0; }))
      return skip_error(fmt::format("codes: not all 0 in chunk {}, whose scale is 0", number));
    return {};
  }

  void sample() {
    const auto positions = chunk_.positions();
    sampled_.insert(sampled_.end(), positions.begin(), positions.end());
  }

  void count_codes(uint32_t scale_index, double& segment_sum) {
    if (block_.coding.value_bits() != 0) {
      for (const float value : chunk_.values()) segment_sum += double{value} * double{value};
      return;
    }
    std::array<uint32_t, 256> counts{};
    for (const uint8_t code : chunk_.codes()) ++counts[code];
    for (size_t code = 0; code < checked_.code_counts.size(); ++code)
      checked_.code_counts[code] += counts[code];
    if (!block_.coding.has_signs()) return;
    const size_t levels = block_.coding.levels();
    double sum = 0;
    for (size_t level = 0; level < levels; ++level)
      sum += static_cast<double>(counts[level] + counts[levels + level]) * squares_[level];
    const double scale = std::bit_cast<float>(scale_index << kBlockScaleDroppedBits);
    segment_sum += scale * scale * sum;
  }

  Status check_codebook() {
    for (size_t bin = 0; bin < block_.codebook.size(); ++bin) {
      const float entry = block_.codebook[bin];
      // An entry that no value uses could be anything, and one content would have many encodings.
      if (checked_.code_counts[bin] == 0 && entry != 0.0f) {
        return skip_error(fmt::format("codebook: entry {} is {}, but no value has that code", bin, entry));
      }
      checked_.squared_norm += static_cast<double>(checked_.code_counts[bin]) * squares_[bin];
    }
    return {};
  }

  Status check_choices() {
    if (const uint8_t best = scales_.cheapest_rice(); best != block_.scale_rice) {
      return skip_error(fmt::format("scale parameter: {}, the cheapest is {}", block_.scale_rice, best));
    }
    std::vector<int64_t> level_counts(checked_.code_counts);
    const size_t levels = block_.coding.levels();
    for (size_t code = levels; code < level_counts.size(); ++code)
      level_counts[code - levels] += level_counts[code];
    level_counts.resize(levels);
    const std::vector<uint8_t> odds = level_odds(level_counts);
    // The odds are the last field before the segments' ends.
    const uint8_t* const stated = block_.bytes.data() + block_.ends - odds.size();
    for (size_t i = 0; i < odds.size(); ++i) {
      if (odds[i] == stated[i]) continue;
      return skip_error(
          fmt::format("level odds: {} for level {}, its values say {}", stated[i], i + 1, odds[i]));
    }
    ModeChooser chooser(block_.plan);
    const size_t kept = block_.plan.kept;
    for (size_t i = 0; i < sampled_.size(); i += kept) chooser.add(std::span(sampled_).subspan(i, kept));
    if (const uint8_t mode = chooser.cheapest(); mode != block_.mode)
      return skip_error(fmt::format("mode: {}, the cheapest is {}", block_.mode, mode));
    return {};
  }

  CheckedBlock& checked_;
  const CodedBlock& block_;
  DecodedChunk chunk_;
  ScaleStatistics scales_;
  std::vector<double> squares_;  // of the codebook's entries
  std::vector<uint16_t> sampled_;
};

Result<CheckedBlock> check_block(CodedBlock block) {
  CheckedBlock checked{.block = std::move(block)};
  TRY(BlockValidator(checked).run());
  return checked;
}

}  // namespace templar
