#include "node/validator/loss_meter.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "node/window/window_samples.h"

namespace templar {
namespace {

// count of the assignment's samples, spread evenly over it, so that early and late inner steps are both among
// them.
SampleTokens spread_samples(const SampleAssignment& assignment, const Shard& shard, int64_t count) {
  SampleTokens samples{.tokens = {}, .sequence_length = static_cast<int64_t>(shard.sequence_length())};
  const auto total = static_cast<int64_t>(assignment.size());
  const int64_t taken = std::min(count, total);
  for (int64_t i = 0; i < taken; ++i) {
    const auto sample = shard.sample(assignment.at(static_cast<uint64_t>(i * total / taken)));
    samples.tokens.insert(samples.tokens.end(), sample.begin(), sample.end());
  }
  return samples;
}

Result<double> mean_loss(Engine& engine, const SampleTokens& samples) {
  TRY_ASSIGN(const EvaluationReport report, engine.evaluate(samples.batch()));
  return report.mean_loss();
}

}  // namespace

Result<std::vector<Evaluation>> LossMeter::measure(Replica& replica, ContributionList accepted,
                                                   std::span<const uint32_t> uids, ByteView sampling_key) {
  const WindowPlan plan = replica.plan();
  const int64_t count = replica.spec().scoring.evaluation_samples;
  const double rate = replica.outer_learning_rate() * replica.spec().scoring.eval_lr_factor;
  Engine& engine = replica.engine();
  TRY_ASSIGN(const Shard shard, open_active_shard(environment_, plan));
  const SampleAssignment others =
      unassigned_samples(environment_.spec.seed, sampling_key, static_cast<uint64_t>(plan.window),
                         shard.sample_count(), static_cast<uint64_t>(count));
  const SampleTokens unassigned = read_samples(others, shard, 0, count);
  TRY_ASSIGN(const double unassigned_before, mean_loss(engine, unassigned));

  // Of the whole list, also where only some are measured: a factor follows from the median of all norms.
  const ClipFactors factors = clip_factors(accepted);
  TRY_ASSIGN(const ConstParameterSpans parameters, replica.parameters());
  const auto start = start_copy_.take(replica.state_root(), parameters, replica.team());

  std::vector<Evaluation> evaluations;
  for (uint32_t uid : uids) {
    const auto found =
        std::ranges::find(accepted, uid, [](const Contribution* c) { return c->header().uid; });
    CHECK(found != accepted.end());
    const SampleTokens own = spread_samples(assigned_samples(environment_, plan, shard, uid), shard, count);
    TRY_ASSIGN(const double own_before, mean_loss(engine, own));
    TRY(engine.edit_parameters([&](ParameterSpans changed) -> Status {
      apply_single(changed, environment_.layout, replica.spec(), **found,
                   factors.of(static_cast<size_t>(found - accepted.begin())), rate, replica.team());
      return {};
    }));
    const Result<double> own_after = mean_loss(engine, own);
    const Result<double> unassigned_after = mean_loss(engine, unassigned);
    // Before any error is looked at: whatever happens, the model is that of the window's start again.
    TRY(engine.edit_parameters([&](ParameterSpans changed) -> Status {
      copy_parameters(start->spans(), changed, replica.team());
      return {};
    }));
    if (!own_after) return std::unexpected(own_after.error());
    if (!unassigned_after) return std::unexpected(unassigned_after.error());
    evaluations.push_back(
        {.own = {own_before, *own_after}, .unassigned = {unassigned_before, *unassigned_after}});
  }
  return evaluations;
}

}  // namespace templar
