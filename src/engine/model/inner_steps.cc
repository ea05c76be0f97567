#include "engine/model/inner_steps.h"

#include "core/run/schedule.h"

namespace templar {

Result<InnerReport> inner_steps(Engine& engine, const InnerSpec& inner, int64_t first_step,
                                const std::function<Result<TokenBatch>(int64_t step)>& batch_at) {
  InnerReport report;
  for (int64_t step = first_step; step < first_step + inner.steps; ++step) {
    TRY_ASSIGN(const TokenBatch batch, batch_at(step));
    const double rate = scheduled_learning_rate(inner, step) * restart_warmup(inner, engine.updates());
    TRY_ASSIGN(const TrainStepReport trained, engine.train_step(batch, rate));
    report.losses.push_back(trained.loss);
    report.gradient_norm_mean += trained.gradient_norm / static_cast<double>(inner.steps);
    report.learning_rate_last = trained.learning_rate;
    report.tokens += batch.batch * batch.sequence;
  }
  return report;
}

}  // namespace templar
