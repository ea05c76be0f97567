#include "app/localnet/baseline.h"

#include "app/world/news_wait.h"
#include "base/log/log_context.h"
#include "engine/model/inner_steps.h"
#include "node/evaluator/evaluator.h"
#include "node/window/environment.h"
#include "node/window/window_clock.h"
#include "node/window/window_samples.h"
#include "ports/metric_fields.h"

namespace templar {
namespace {

class Baseline final : public RunningNode {
 public:
  Baseline(std::unique_ptr<NodeWorld> world, std::unique_ptr<Engine> engine, uint32_t uid)
      : world_(std::move(world)),
        engine_(std::move(engine)),
        uid_(uid),
        clock_(world_->ledger->entries(), world_->spec.network),
        news_(world_->ledger->entries(), world_->spec.network, false) {}

  Result<Progress> advance() override {
    news_.begin_step();
    const LogContext scope({{"role", kBaselineRole}, {"window", window_}});
    if (!began_) {
      TRY(engine_->edit_parameters([&](ParameterSpans parameters) -> Status {
        initialise_parameters(world_->environment.layout, world_->spec.model, world_->spec.seed, parameters);
        return {};
      }));
      TRY(report_heldout());
      began_ = true;
      return Progress::kWorked;
    }
    if (window_ >= world_->config.until_window.value_or(INT64_MAX)) return Progress::kFinished;
    TRY_ASSIGN(const std::optional<int64_t> current, clock_.current_window());
    if (!current || *current < window_) return Progress::kAwaitsBlock;
    TRY(train_window());
    if (window_ % world_->spec.network.checkpoint_interval == 0 || window_ == world_->config.until_window)
      TRY(report_heldout());
    return Progress::kWorked;
  }

  void wait_for_news(Progress progress, const std::function<bool()>& should_stop) override {
    news_.wait_after(progress, should_stop);
  }

  Status stop() override {
    world_->metrics->flush();
    return {};
  }

 private:
  Status train_window() {
    TRY_ASSIGN(const SpecInForce in_force, world_->environment.specs->at(window_));
    const InnerSpec& inner = in_force.spec->inner;
    const WindowPlan plan = plan_window(*in_force.spec, window_, window_);
    TRY_ASSIGN(const Shard shard, open_active_shard(world_->environment, plan));
    const SampleAssignment assignment = assigned_samples(world_->environment, plan, shard, uid_);
    SampleTokens samples;
    TRY_ASSIGN(const InnerReport report,
               inner_steps(*engine_, inner, plan.first_inner_step, [&](int64_t step) -> Result<TokenBatch> {
                 samples = read_samples(assignment, shard, (step - plan.first_inner_step) * inner.batch_size,
                                        inner.batch_size);
                 return samples.batch();
               }));
    world_->metrics->write(
        node_measurement("baseline_metrics", {kBaselineRole, uid_}, world_->environment,
                         {{"window", window_}, {"loss", mean_of(report.losses)}, {"tokens", report.tokens}}));
    ++window_;
    return {};
  }

  Status report_heldout() {
    TRY_ASSIGN(const EvaluationReport report,
               evaluate_heldout(*world_->data.shards, *engine_, world_->config.heldout_samples));
    world_->metrics->write(node_measurement("baseline_heldout", {kBaselineRole, uid_}, world_->environment,
                                            {{"window", window_}, {"heldout_loss", report.mean_loss()}}));
    return {};
  }

  std::unique_ptr<NodeWorld> world_;
  std::unique_ptr<Engine> engine_;
  const uint32_t uid_;
  WindowClock clock_;
  NewsWait news_;
  int64_t window_ = 0;
  bool began_ = false;
};

}  // namespace

Result<std::unique_ptr<RunningNode>> open_baseline(const NodeConfig& config, uint32_t uid) {
  TRY_ASSIGN(auto world, NodeWorld::open(config, NodeName{kBaselineRole, uid}));
  TRY_ASSIGN(auto engine, make_engine(world->spec, config, EngineUse::kTraining));
  return std::make_unique<Baseline>(std::move(world), std::move(engine), uid);
}

}  // namespace templar
