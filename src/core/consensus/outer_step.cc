#include "core/consensus/outer_step.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.h"
#include "core/codec/dct.h"
#include "core/coding/chunk_decoder.h"
#include "core/consensus/chunk_kernels.h"

namespace templar {
namespace {

// One parameter of all contributions, each with its codebook (where it has one) already multiplied by its
// clip factor, for chunks that have no scale of their own.
struct ScaledBlock {
  CodedBlock block;
  float clip;
  std::vector<float> values;
};

std::vector<ScaledBlock> scaled_blocks(ContributionList contributions, const ClipFactors& clip,
                                       size_t parameter, const ChunkPlan& plan) {
  std::vector<ScaledBlock> scaled;
  scaled.reserve(contributions.size());
  for (size_t i = 0; i < contributions.size(); ++i) {
    ScaledBlock entry{contributions[i]->block(parameter, &plan), clip.of(i)[parameter], {}};
    entry.values = entry.block.codebook;
    for (float& value : entry.values) value = entry.clip * value;
    scaled.push_back(std::move(entry));
  }
  return scaled;
}

// What a coefficient's sum is multiplied by, for each number of contributions that sent it.
std::vector<float> mean_factors(AggregationRule rule, size_t contributions) {
  std::vector<float> factors(contributions + 1, 1.0f);
  const auto all = static_cast<float>(contributions);
  for (size_t senders = 1; senders <= contributions; ++senders) {
    const auto present = static_cast<float>(senders);
    if (rule == AggregationRule::kMeanAll) factors[senders] = 1.0f / all;
    if (rule == AggregationRule::kMeanPresent) factors[senders] = 1.0f / present;
    if (rule == AggregationRule::kMeanShrunk) factors[senders] = 1.0f / std::sqrt(present * all);
  }
  return factors;
}

// Adds up a parameter's chunks one after the other, from any first one. One a thread.
class ChunkAggregator {
 public:
  ChunkAggregator(const std::vector<ScaledBlock>& blocks, const ChunkPlan& plan, AggregationRule rule,
                  int64_t first_chunk)
      : blocks_(blocks),
        factors_(mean_factors(rule, blocks.size())),
        chunk_(plan),
        sums_(plan.chunk_elements(), 0.0f),
        senders_(sums_.size(), 0) {
    CHECK(blocks.size() <= UINT16_MAX);
    decoders_.reserve(blocks.size());
    for (const ScaledBlock& block : blocks) decoders_.emplace_back(block.block, first_chunk, chunk_);
  }

  // Adds up the next chunk. Calls between(i) before contribution i is decoded.
  template <typename Between>
  void next(Between between) {
    for (size_t i = 0; i < blocks_.size(); ++i) {
      between(i);
      const float scale = decoders_[i].next(chunk_);
      if (blocks_[i].block.coding.value_bits() != 0) {
        add_values(blocks_[i].clip);
      } else {
        add(values_of(blocks_[i], scale));
      }
    }
  }
  // The chunk's sums. The caller sets them back to 0 when it has taken them.
  [[nodiscard]] ChunkSums sums() { return {sums_.data(), senders_.data(), factors_}; }

 private:
  void add(const float* values) {
    const std::span<const uint16_t> positions = chunk_.positions();
    const uint8_t* const codes = chunk_.codes().data();
    float* const sums = sums_.data();
    uint16_t* const senders = senders_.data();
    for (size_t k = 0; k < positions.size(); ++k) {
      const uint16_t position = positions[k];
      sums[position] += values[codes[k]];
      ++senders[position];
    }
  }

  // Likewise of values that have no codes.
  void add_values(float clip) {
    const std::span<const uint16_t> positions = chunk_.positions();
    const std::span<const float> values = chunk_.values();
    for (size_t k = 0; k < positions.size(); ++k) {
      sums_[positions[k]] += clip * values[k];
      ++senders_[positions[k]];
    }
  }

  // What each code adds in a chunk of that scale.
  const float* values_of(const ScaledBlock& block, float scale) {
    if (!block.block.coding.has_signs()) return block.values.data();
    const std::vector<float>& codebook = block.block.codebook;
    for (size_t code = 0; code < codebook.size(); ++code)
      scaled_values_[code] = block.clip * (scale * codebook[code]);
    return scaled_values_.data();
  }

  const std::vector<ScaledBlock>& blocks_;
  const std::vector<float> factors_;
  DecodedChunk chunk_;
  std::vector<ChunkDecoder> decoders_;
  std::vector<float> sums_;
  std::vector<uint16_t> senders_;
  std::array<float, 256> scaled_values_{};
};

// Fetches some rows of a chunk's part of theta: they lie far apart, and the processor does not see them
// coming.
void fetch_rows(const float* theta, const ChunkPlan& plan, int64_t chunk, int64_t begin, int64_t end) {
  constexpr int64_t kLineValues = 16;
  const float* row = theta + plan.first_element(chunk) + begin * plan.columns;
  for (int64_t r = begin; r < end; ++r, row += plan.columns) {
    for (int64_t i = 0; i < plan.tile_columns; i += kLineValues) __builtin_prefetch(row + i, 1, 2);
  }
  asm volatile("");  // GCC takes a function of which nothing follows for one that need not be called
}

void step_parameter(std::span<float> theta, const ChunkPlan& plan, const RunSpec& spec,
                    const std::vector<ScaledBlock>& blocks, const Descent& descent, ThreadTeam& team) {
  const TileTransform transform(plan, spec.codec);
  const auto peers = std::ssize(blocks);
  team.for_ranges(plan.chunk_count(), kSegmentChunks, [&](size_t begin, size_t end) {
    ChunkAggregator sum(blocks, plan, spec.outer.aggregation, begin);
    std::vector<float> means(spec.codec.use_dct ? plan.chunk_elements() : 0);
    std::vector<float> scratch(means.size());
    for (int64_t chunk = begin; chunk < static_cast<int64_t>(end); ++chunk) {
      const auto fetch_next = [&](size_t i) {
        if (chunk + 1 == static_cast<int64_t>(end)) return;
        const int64_t peer = i;
        fetch_rows(theta.data(), plan, chunk + 1, plan.tile_rows * peer / peers,
                   plan.tile_rows * (peer + 1) / peers);
      };
      sum.next(fetch_next);
      const TileOfTheta tile{theta.data() + plan.first_element(chunk), static_cast<size_t>(plan.columns),
                             static_cast<size_t>(plan.tile_rows), static_cast<size_t>(plan.tile_columns)};
      if (!spec.codec.use_dct) {
        descend_means(tile, sum.sums(), descent);
        continue;
      }
      take_means(sum.sums(), means);
      transform.inverse(means, scratch);
      descend(tile, means.data(), descent);
    }
  });
}

void step_with_factors(ParameterSpans theta, const ParameterLayout& layout, const RunSpec& spec,
                       ContributionList contributions, const ClipFactors& clip, const Descent& descent,
                       ThreadTeam& team) {
  CHECK(theta.size() == layout.size());
  for (size_t p = 0; p < layout.size(); ++p) {
    const ChunkPlan plan = plan_chunks(layout[p].shape, spec.codec);
    CHECK(std::ssize(theta[p]) == layout[p].count());
    step_parameter(theta[p], plan, spec, scaled_blocks(contributions, clip, p, plan), descent, team);
  }
}

void check_list(ContributionList contributions) {
  for (size_t i = 0; i < contributions.size(); ++i) {
    CHECK(contributions[i]->block_count() == contributions[0]->block_count());
    CHECK(i == 0 || contributions[i - 1]->header().uid < contributions[i]->header().uid);
  }
}

}  // namespace

std::vector<const Contribution*> as_list(std::span<const Contribution> contributions) {
  std::vector<const Contribution*> list;
  list.reserve(contributions.size());
  for (const Contribution& contribution : contributions) list.push_back(&contribution);
  return list;
}

ClipFactors clip_factors(ContributionList contributions) {
  check_list(contributions);
  const size_t peers = contributions.size();
  const size_t parameters = peers == 0 ? 0 : contributions[0]->block_count();
  ClipFactors factors(peers, parameters);
  std::vector<double> norms(peers);
  std::vector<double> sorted(peers);
  for (size_t p = 0; p < parameters; ++p) {
    for (size_t i = 0; i < peers; ++i) norms[i] = std::sqrt(contributions[i]->squared_norm(p));
    sorted = norms;
    std::ranges::sort(sorted);
    const double median = sorted[(peers - 1) / 2];
    for (size_t i = 0; i < peers; ++i) {
      factors.of(i)[p] = static_cast<float>(std::min(1.0, median / (norms[i] + 1e-8)));
    }
  }
  return factors;
}

void apply_outer_step(ParameterSpans theta, const ParameterLayout& layout, const RunSpec& spec,
                      ContributionList contributions, double learning_rate, ThreadTeam& team) {
  if (contributions.empty()) return;
  const ClipFactors clip = clip_factors(contributions);
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
