#include "core/consensus/outer_step.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "core/codec/dct.h"

namespace templar {
namespace {

// One parameter of all contributions, each with its codebook already multiplied by its clip factor.
struct ScaledBlock {
  const CodedBlock* block;
  std::vector<float> values;
};

std::vector<ScaledBlock> scaled_blocks(ContributionList contributions, const ClipFactors& clip,
                                       size_t parameter) {
  std::vector<ScaledBlock> scaled;
  scaled.reserve(contributions.size());
  for (size_t i = 0; i < contributions.size(); ++i) {
    const CodedBlock& block = contributions[i]->blocks()[parameter];
    ScaledBlock entry{&block, block.codebook};
    for (float& value : entry.values) value = clip.of(i)[parameter] * value;
    scaled.push_back(std::move(entry));
  }
  return scaled;
}

// Adds up a parameter's chunks one after the other, from any first one. One a thread.
class ChunkAggregator {
 public:
  ChunkAggregator(const std::vector<ScaledBlock>& blocks, const ChunkPlan& plan, AggregationRule rule,
                  int64_t first_chunk)
      : blocks_(blocks),
        rule_(rule),
        positions_(static_cast<size_t>(plan.kept)),
        codes_(static_cast<size_t>(plan.kept)),
        senders_(static_cast<size_t>(plan.chunk_elements())) {
    decoders_.reserve(blocks.size());
    for (const ScaledBlock& block : blocks) decoders_.emplace_back(*block.block, first_chunk);
  }

  // Writes the next chunk's mean coefficients over all of tile.
  void next(std::span<float> tile) {
    std::ranges::fill(tile, 0.0f);
    std::ranges::fill(senders_, 0);
    for (size_t i = 0; i < blocks_.size(); ++i) {
      decoders_[i].next(positions_, codes_);
      for (size_t k = 0; k < positions_.size(); ++k) {
        tile[positions_[k]] += blocks_[i].values[codes_[k]];
        ++senders_[positions_[k]];
      }
    }
    const auto all = static_cast<float>(blocks_.size());
    for (size_t j = 0; j < tile.size(); ++j) {
      if (senders_[j] != 0)
        tile[j] = tile[j] / (rule_ == AggregationRule::kMeanAll ? all : static_cast<float>(senders_[j]));
    }
  }

 private:
  const std::vector<ScaledBlock>& blocks_;
  AggregationRule rule_;
  std::vector<ChunkDecoder> decoders_;
  std::vector<uint16_t> positions_;
  std::vector<uint8_t> codes_;
  std::vector<uint32_t> senders_;
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

void step_parameter(std::span<float> theta, const ChunkPlan& plan, const RunSpec& spec,
                    const std::vector<ScaledBlock>& blocks, const Descent& descent, ThreadTeam& team) {
  const TileTransform transform(plan, spec.codec);
  const auto width = static_cast<size_t>(plan.tile_columns);
  team.for_ranges(static_cast<size_t>(plan.chunk_count()), chunk_grain(plan), [&](size_t begin, size_t end) {
    ChunkAggregator aggregator(blocks, plan, spec.outer.aggregation, static_cast<int64_t>(begin));
    std::vector<float> tile(static_cast<size_t>(plan.chunk_elements()));
    std::vector<float> scratch(tile.size());
    for (size_t chunk = begin; chunk < end; ++chunk) {
      aggregator.next(tile);
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

// L2 norm of a block's values, from how often each codebook entry occurs: no order of addition can matter.
double block_norm(const CodedBlock& block) {
  const std::vector<int64_t> counts = count_codes(block);
  double squares = 0;
  for (size_t bin = 0; bin < counts.size(); ++bin) {
    const double value = block.codebook[bin];
    squares += static_cast<double>(counts[bin]) * (value * value);
  }
  return std::sqrt(squares);
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
      norms[i] = block_norm(contributions[i / parameters]->blocks()[i % parameters]);
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
