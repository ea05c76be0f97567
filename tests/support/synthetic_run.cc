#include "support/synthetic_run.h"

#include <array>
#include <span>

#include "base/check.h"
#include "base/random.h"
#include "core/codec/compressor.h"
#include "core/codec/demo.h"
#include "core/consensus/outer_step.h"
#include "core/consensus/state_root.h"
#include "core/run/run_spec_fields.h"
#include "support/synthetic_contribution.h"
#include "support/test_run.h"

namespace templar::testing {
namespace {

constexpr uint32_t kPeers = 5;
constexpr int64_t kWindows = 2;
constexpr uint64_t kSeed = 2024;

RunSpec synthetic_spec(Algorithm algorithm, AggregationRule rule, Quantiser quantiser, bool use_dct) {
  RunSpec spec;
  spec.seed = kSeed;
  spec.algorithm = algorithm;
  spec.model = {.vocab_size = 416,
                .hidden_size = 40,  // the chunk does not divide it
                .num_hidden_layers = 1,
                .num_attention_heads = 4,
                .num_key_value_heads = 2,
                .intermediate_size = 72,
                .initializer_range = 0.02};
  spec.inner.weight_decay = 0.1;
  spec.codec = {.chunk = 16,
                .topk = 14,
                .use_dct = use_dct,
                .quantiser = quantiser,
                .quantiser_bins = quantiser == Quantiser::kBlockLog ? 8 : 4,
                .quantiser_range_sigmas = 6,
                .error_feedback_decay = 0.95};
  spec.outer = {.aggregation = rule, .learning_rate = 0.7};
  return spec;
}

// Every uid's gradients have another size, so that the larger ones are clipped; uid 2 sends nothing but
// zeros.
void draw_gradients(ParameterBuffers& gradients, uint32_t uid, int64_t window) {
  Random random(kSeed, "gradient", uid * 1000 + static_cast<uint64_t>(window));
  const double scale = uid == 2 ? 0.0 : 0.001 * (uid + 1);
  for (const std::span<float> values : gradients.spans()) {
    for (float& value : values) value = static_cast<float>(random.normal() * scale);
  }
}

Result<std::vector<EncodedParameter>> prepare(const RunSpec& spec, const ParameterLayout& layout,
                                              uint32_t uid, int64_t window, ParameterSpans theta,
                                              ParameterSpans memory, ThreadTeam& team) {
  ParameterBuffers gradients(layout);
  draw_gradients(gradients, uid, window);
  if (spec.algorithm == Algorithm::kSparseLoco) {
    const std::vector<std::span<const float>> feedback(memory.begin(), memory.end());
    auto blocks = compress_with_error_feedback(feedback, gradients.spans(), layout, spec.codec, team);
    copy_parameters(std::as_const(gradients).spans(), memory);
    return blocks;
  }
  // A miner's own weight decay must not move the model that all share: it works on a copy.
  ParameterBuffers local(layout);
  local.copy_from(std::vector<std::span<const float>>(theta.begin(), theta.end()));
  return prepare_demo({window, 0.01, 0.1}, local.spans(), memory, gradients.spans(), layout, spec.codec,
                      team);
}

void run(const RunSpec& spec, ThreadTeam& team, SyntheticRoot& result) {
  TestRun shared(spec);
  const ParameterLayout& layout = shared.layout;
  ParameterBuffers& theta = shared.parameters;
  ThreadTeam alone(1);  // that what miners do does not depend on threads, the codec's tests show
  std::vector<ParameterBuffers> memories;
  for (uint32_t uid = 0; uid < kPeers; ++uid) memories.emplace_back(layout);
  Blake2b sent;
  for (int64_t window = 0; window < kWindows; ++window) {
    std::vector<Contribution> contributions;
    std::vector<const Contribution*> list;
    for (uint32_t uid = 0; uid < kPeers; ++uid) {
      const auto blocks = prepare(spec, layout, uid, window, theta.spans(), memories[uid].spans(), alone);
      CHECK(blocks.has_value());
      contributions.push_back(contribution_of(*blocks, layout, spec.codec, uid, window));
      sent.update(contributions.back().content_hash().bytes);
    }
    for (const Contribution& contribution : contributions) list.push_back(&contribution);
    apply_outer_step(theta.spans(), layout, spec, list, spec.outer.learning_rate, team);
  }
  result.contributions = sent.finish256();
  result.root = compute_state_root(layout, std::as_const(theta).spans(), team);
}

std::string name_of(AggregationRule rule) {
  if (rule == AggregationRule::kMeanAll) return " mean_all";
  return rule == AggregationRule::kMeanPresent ? " mean_present" : " mean_shrunk";
}

std::string name_of(Quantiser quantiser) {
  for (const auto& choice : kQuantiserChoices) {
    if (choice.value == quantiser) return std::string(" ") + choice.name;
  }
  return "";
}

}  // namespace

std::vector<SyntheticRoot> run_synthetic_consensus(ThreadTeam& team) {
  std::vector<SyntheticRoot> roots;
  const auto add = [&](Algorithm algorithm, AggregationRule rule, Quantiser quantiser) {
    for (const bool use_dct : {false, true}) {
      SyntheticRoot entry;
      entry.variant = std::string(algorithm == Algorithm::kDemo ? "demo" : "sparseloco") + name_of(rule) +
                      name_of(quantiser) + (use_dct ? " dct" : "");
      run(synthetic_spec(algorithm, rule, quantiser, use_dct), team, entry);
      roots.push_back(std::move(entry));
    }
  };
  using Pair = std::array<Quantiser, 2>;
  for (const Pair quantisers :
       {Pair{Quantiser::kMean4, Quantiser::kBlockLog}, Pair{Quantiser::kNone, Quantiser::kNoneBf16}}) {
    for (const Algorithm algorithm : {Algorithm::kSparseLoco, Algorithm::kDemo}) {
      for (const AggregationRule rule :
           {AggregationRule::kMeanAll, AggregationRule::kMeanPresent, AggregationRule::kMeanShrunk}) {
        for (const Quantiser quantiser : quantisers) add(algorithm, rule, quantiser);
      }
    }
  }
  return roots;
}

CombinedRoots combined_roots(const std::vector<SyntheticRoot>& roots) {
  const auto combined = [](std::span<const SyntheticRoot> some) {
    Blake2b hash;
    for (const SyntheticRoot& entry : some) {
      hash.update(entry.contributions.bytes);
      hash.update(entry.root.bytes);
    }
    return hash.finish256().hex();
  };
  const std::span all = roots;
  return {combined(all.first(all.size() / 2)), combined(all.subspan(all.size() / 2))};
}

}  // namespace templar::testing
