#include "node/miner/training.h"

#include <cmath>
#include <utility>

#include "core/codec/compressor.h"
#include "core/codec/demo.h"
#include "core/run/schedule.h"

namespace templar {

namespace {

double norm_of(ParameterSpans values) {
  double squares = 0;
  for (const std::span<const float> span : values) {
    for (const float value : span) squares += static_cast<double>(value) * value;
  }
  return std::sqrt(squares);
}

}  // namespace

Trainer::Trainer(const NodeEnvironment& environment)
    : environment_(environment), feedback_(environment.layout), start_(environment.layout) {}

Result<TrainedWindow> Trainer::train(Replica& replica, const SampleAssignment& assignment,
                                     const Shard& shard) {
  TRY_ASSIGN(const ConstParameterSpans start, replica.parameters());
  start_.copy_from(start);
  auto trained = replica.spec().algorithm == Algorithm::kDemo ? train_demo(replica, assignment, shard)
                                                              : train_sparse_loco(replica, assignment, shard);
  if (trained) ++iterations;
  return trained;
}

void Trainer::forget_feedback() {
  feedback_.fill_zero();
  iterations = 0;
}

// theta_start - theta_local takes the place of theta_start, which the model gets back.
Status Trainer::take_pseudo_gradient(Engine& engine) {
  return engine.edit_parameters([&](ParameterSpans parameters) -> Status {
    for (size_t i = 0; i < parameters.size(); ++i) {
      const std::span<float> start = start_.spans()[i];
      for (size_t j = 0; j < start.size(); ++j) {
        const float local = parameters[i][j];
        parameters[i][j] = start[j];
        start[j] = start[j] - local;
      }
    }
    return {};
  });
}

Result<TrainedWindow> Trainer::train_sparse_loco(Replica& replica, const SampleAssignment& assignment,
                                                 const Shard& shard) {
  const InnerSpec& inner = replica.spec().inner;
  const int64_t first_step = replica.plan().first_inner_step;
  SampleTokens samples;
  auto report = inner_steps(replica.engine(), inner, first_step, [&](int64_t step) -> Result<TokenBatch> {
    samples = read_samples(assignment, shard, (step - first_step) * inner.batch_size, inner.batch_size);
    return samples.batch();
  });
  // Before any error is looked at: whatever the steps have done, the model is that of the window's start
  // again.
  TRY(take_pseudo_gradient(replica.engine()));
  if (!report) return std::unexpected(report.error());
  // Before the compression, which writes the remainder over the pseudo-gradient.
  if (observe)
    observe(replica.plan().window, std::as_const(start_).spans(), std::as_const(feedback_).spans());
  TRY_ASSIGN(auto blocks,
             compress_with_error_feedback(std::as_const(feedback_).spans(), start_.spans(),
                                          environment_.layout, replica.spec().codec, replica.team()));
  // Only now that nothing can fail any more: start_ holds the remainder, feedback_ is still the old one.
  std::swap(start_, feedback_);
  return TrainedWindow{std::move(blocks), std::move(*report)};
}

Result<TrainedWindow> Trainer::train_demo(Replica& replica, const SampleAssignment& assignment,
                                          const Shard& shard) {
  const InnerSpec& inner = replica.spec().inner;
  Engine& engine = replica.engine();
  const SampleTokens samples = read_samples(assignment, shard, 0, inner.batch_size);
  // DeMo makes no inner step: until prepare_demo's weight decay the model stays at the window's start.
  TRY_ASSIGN(const double loss, engine.compute_gradients(samples.batch()));
  const DemoStep step{.iteration = iterations,
                      .learning_rate = scheduled_learning_rate(inner, replica.plan().first_inner_step),
                      .weight_decay = inner.weight_decay};
  TRY_ASSIGN(const ParameterSpans gradients, engine.gradients());
  const std::vector<std::span<const float>> gradient_views(gradients.begin(), gradients.end());
  const double gradient_norm = norm_of(gradients);  // before they are used up
  if (observe) observe(replica.plan().window, gradient_views, std::as_const(feedback_).spans());
  std::vector<EncodedParameter> blocks;
  TRY(engine.edit_parameters([&](ParameterSpans parameters) -> Status {
    auto prepared = prepare_demo(step, parameters, feedback_.spans(), gradients, environment_.layout,
                                 replica.spec().codec, replica.team());
    // Its weight decay was this miner's alone: the shared model moves by the outer step only.
    copy_parameters(std::as_const(start_).spans(), parameters);
    if (!prepared) return std::unexpected(prepared.error());
    blocks = *std::move(prepared);
    return {};
  }));
  InnerReport report{.losses = {loss},
                     .gradient_norm_mean = gradient_norm,
                     .learning_rate_last = step.learning_rate,
                     .tokens = static_cast<int64_t>(samples.tokens.size())};
  return TrainedWindow{std::move(blocks), std::move(report)};
}

}  // namespace templar
