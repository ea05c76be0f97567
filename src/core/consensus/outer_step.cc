#include "core/consensus/outer_step.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "core/codec/dct.h"

namespace templar {
namespace {

// One parameter of all contributions, each with its codebook already multiplied by its clip factor, for
// chunks that have no scale of their own.
struct ScaledBlock {
  const CodedBlock* block;
  float clip;
  std::vector<float> values;
};

std::vector<ScaledBlock> scaled_blocks(ContributionList contributions, const ClipFactors& clip,
                                       size_t parameter) {
  std::vector<ScaledBlock> scaled;
  scaled.reserve(contributions.size());
  for (size_t i = 0; i < contributions.size(); ++i) {
    const CodedBlock& block = contributions[i]->blocks()[parameter];
    ScaledBlock entry{&block, clip.of(i)[parameter], block.codebook};
    for (float& value : entry.values) value = entry.clip * value;
    scaled.push_back(std::move(entry));
  }
  return scaled;
}

// By what a coefficient's sum is divided, for each number of contributions that sent it.
std::vector<float> divisors(AggregationRule rule, size_t contributions) {
  std::vector<float> table(contributions + 1, 1.0f);
  const auto all = static_cast<float>(contributions);
  for (size_t senders = 1; senders <= contributions; ++senders) {
    const auto present = static_cast<float>(senders);
    if (rule == AggregationRule::kMeanAll) table[senders] = all;
    if (rule == AggregationRule::kMeanPresent) table[senders] = present;
    if (rule == AggregationRule::kMeanShrunk) table[senders] = std::sqrt(present * all);
  }
  return table;
}

// Adds up a parameter's chunks one after the other, from any first one. One a thread.
class ChunkAggregator {
 public:
  ChunkAggregator(const std::vector<ScaledBlock>& blocks, const ChunkPlan& plan, AggregationRule rule,
                  int64_t first_chunk)
      : blocks_(blocks),
        divisors_(divisors(rule, blocks.size())),
        positions_(static_cast<size_t>(plan.kept)),
        codes_(static_cast<size_t>(plan.kept)),
        tile_(static_cast<size_t>(plan.chunk_elements()), 0.0f),
        senders_(tile_.size(), 0) {
    decoders_.reserve(blocks.size());
    for (const ScaledBlock& block : blocks) decoders_.emplace_back(*block.block, first_chunk);
    touched_.reserve(std::min(tile_.size(), positions_.size() * blocks.size()));
  }

  // Forgets the last chunk and computes the next one's mean coefficients: those at touched() were sent by
  // somebody, all others are +0.
  void next() {
    for (const uint16_t position : touched_) {
      tile_[position] = 0.0f;
      senders_[position] = 0;
    }
    touched_.clear();
    for (size_t i = 0; i < blocks_.size(); ++i) {
      const float scale = decoders_[i].next(positions_, codes_);
      add(values_of(blocks_[i], scale));
    }
    for (const uint16_t position : touched_)
      tile_[position] = tile_[position] / divisors_[senders_[position]];
  }

  [[nodiscard]] std::span<const float> tile() const { return tile_; }
  [[nodiscard]] std::span<const uint16_t> touched() const { return touched_; }

 private:
  void add(std::span<const float> values) {
    for (size_t k = 0; k < positions_.size(); ++k) {
      const uint16_t position = positions_[k];
      if (senders_[position] == 0) touched_.push_back(position);
      tile_[position] += values[codes_[k]];
      ++senders_[position];
    }
  }

  // What each code adds in a chunk of that scale.
  std::span<const float> values_of(const ScaledBlock& block, float scale) {
    if (block.block->coding.quantiser == Quantiser::kMean4) return block.values;
    const std::vector<float>& codebook = block.block->codebook;
    scaled_values_.resize(codebook.size());
    for (size_t code = 0; code < codebook.size(); ++code) {
      scaled_values_[code] = block.clip * (scale * codebook[code]);
    }
    return scaled_values_;
  }

  const std::vector<ScaledBlock>& blocks_;
  const std::vector<float> divisors_;
  std::vector<ChunkDecoder> decoders_;
  std::vector<uint16_t> positions_;
  std::vector<uint8_t> codes_;
  std::vector<float> tile_;
  std::vector<uint32_t> senders_;
  std::vector<uint16_t> touched_;
  std::vector<float> scaled_values_;
};

float sign(float value) {
  return value > 0.0f ? 1.0f : value < 0.0f ? -1.0f : 0.0f;
}

// How a parameter moves along the aggregate.
struct Descent {
  Algorithm algorithm;
  float learning_rate;
  float shrink;  // weight decay; 1 where there is none
};

void descend(std::span<float> theta, std::span<const float> delta, const Descent& descent) {
  for (size_t i = 0; i < theta.size(); ++i) {
    const float direction = descent.algorithm == Algorithm::kDemo ? sign(delta[i]) : delta[i];
    theta[i] = descent.shrink * theta[i] - descent.learning_rate * direction;
  }
}

// Fetches a chunk's part of theta while its contributions are decoded: its rows lie far apart, and the
// processor does not see them coming.
void prefetch_tile(std::span<float> theta, const ChunkPlan& plan, size_t chunk) {
  constexpr size_t kLineValues = 16;
  const auto width = static_cast<size_t>(plan.tile_columns);
  for_each_tile_row(plan, static_cast<int64_t>(chunk), [&](size_t dense, size_t) {
    for (size_t i = 0; i < width; i += kLineValues) __builtin_prefetch(theta.data() + dense + i, 1);
  });
}

// Where nothing moves but what was sent: the others would only have +0 subtracted.
void step_touched(std::span<float> theta, const ChunkPlan& plan, size_t chunk, const ChunkAggregator& sum,
                  float learning_rate) {
  const auto first = static_cast<size_t>(plan.first_element(static_cast<int64_t>(chunk)));
  const auto width = static_cast<uint64_t>(plan.tile_columns);
  const auto skipped = static_cast<size_t>(plan.columns - plan.tile_columns);
  // position / width as a product: exact, as positions have 16 bits and width at most 9.
  const uint64_t reciprocal = ((uint64_t{1} << 32) + width - 1) / width;
  for (const uint16_t position : sum.touched()) {
    float& value = theta[first + position + (position * reciprocal >> 32) * skipped];
    value = value - learning_rate * sum.tile()[position];
  }
}

void step_parameter(std::span<float> theta, const ChunkPlan& plan, const RunSpec& spec,
                    const std::vector<ScaledBlock>& blocks, const Descent& descent, ThreadTeam& team) {
  const TileTransform transform(plan, spec.codec);
  const auto width = static_cast<size_t>(plan.tile_columns);
  const bool only_touched =
      !spec.codec.use_dct && descent.algorithm == Algorithm::kSparseLoco && descent.shrink == 1.0f;
  team.for_ranges(static_cast<size_t>(plan.chunk_count()), kSegmentChunks, [&](size_t begin, size_t end) {
    ChunkAggregator sum(blocks, plan, spec.outer.aggregation, static_cast<int64_t>(begin));
    std::vector<float> tile(static_cast<size_t>(plan.chunk_elements()));
    std::vector<float> scratch(tile.size());
    for (size_t chunk = begin; chunk < end; ++chunk) {
      prefetch_tile(theta, plan, chunk);
      sum.next();
      if (only_touched) {
        step_touched(theta, plan, chunk, sum, descent.learning_rate);
        continue;
      }
      std::ranges::copy(sum.tile(), tile.begin());
      transform.inverse(tile, scratch);
      for_each_tile_row(plan, static_cast<int64_t>(chunk), [&](size_t dense, size_t place) {
        descend(theta.subspan(dense, width), std::span(tile).subspan(place, width), descent);
      });
    }
  });
}

void step_with_factors(ParameterSpans theta, const ParameterLayout& layout, const RunSpec& spec,
                       ContributionList contributions, const ClipFactors& clip, const Descent& descent,
                       ThreadTeam& team) {
  CHECK(theta.size() == layout.size());
  for (size_t p = 0; p < layout.size(); ++p) {
    const ChunkPlan plan = plan_chunks(layout[p].shape, spec.codec);
    CHECK(static_cast<int64_t>(theta[p].size()) == layout[p].count());
    for (const Contribution* contribution : contributions) CHECK(contribution->blocks()[p].plan == plan);
    step_parameter(theta[p], plan, spec, scaled_blocks(contributions, clip, p), descent, team);
  }
}

void check_list(ContributionList contributions) {
  for (size_t i = 0; i < contributions.size(); ++i) {
    CHECK(contributions[i]->blocks().size() == contributions[0]->blocks().size());
    CHECK(i == 0 || contributions[i - 1]->header().uid < contributions[i]->header().uid);
  }
}

}  // namespace

ClipFactors clip_factors(ContributionList contributions, ThreadTeam& team) {
  check_list(contributions);
  const size_t peers = contributions.size();
  const size_t parameters = peers == 0 ? 0 : contributions[0]->blocks().size();
  std::vector<double> norms(peers * parameters);
  team.for_ranges(norms.size(), 1, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i)
      norms[i] = std::sqrt(contributions[i / parameters]->blocks()[i % parameters].squared_norm);
  });
  ClipFactors factors(peers, parameters);
  std::vector<double> sorted(peers);
  for (size_t p = 0; p < parameters; ++p) {
    for (size_t i = 0; i < peers; ++i) sorted[i] = norms[i * parameters + p];
    std::ranges::sort(sorted);
    const double median = sorted[(peers - 1) / 2];
    for (size_t i = 0; i < peers; ++i) {
      factors.of(i)[p] = static_cast<float>(std::min(1.0, median / (norms[i * parameters + p] + 1e-8)));
    }
  }
  return factors;
}

void outer_step(ParameterSpans theta, const ParameterLayout& layout, const RunSpec& spec,
                ContributionList contributions, double learning_rate, ThreadTeam& team) {
  if (contributions.empty()) return;
  const ClipFactors clip = clip_factors(contributions, team);
  const bool decays = spec.algorithm == Algorithm::kDemo;
  const double shrink = decays ? 1.0 - learning_rate * spec.inner.weight_decay : 1.0;
  const Descent descent{spec.algorithm, static_cast<float>(learning_rate), static_cast<float>(shrink)};
  step_with_factors(theta, layout, spec, contributions, clip, descent, team);
}

void apply_single(ParameterSpans theta, const ParameterLayout& layout, const RunSpec& spec,
                  const Contribution& contribution, std::span<const float> clip, double learning_rate,
                  ThreadTeam& team) {
  CHECK(clip.size() == layout.size());
  ClipFactors factors(1, layout.size());
  std::ranges::copy(clip, factors.of(0).begin());
  const Contribution* const list[] = {&contribution};
  const Descent descent{spec.algorithm, static_cast<float>(learning_rate), 1.0f};
  step_with_factors(theta, layout, spec, list, factors, descent, team);
}

}  // namespace templar
