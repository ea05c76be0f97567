#include "sim/faults/node_life.h"

#include <fmt/format.h>

#include "base/check.h"
#include "engine/cpu_engine.h"
#include "sim/toy_engine.h"

namespace templar {
namespace {

std::unique_ptr<Engine> make_engine(const NodeLifeOptions& options) {
  const EngineUse use =
      options.identity.role == NodeRole::kMiner ? EngineUse::kTraining : EngineUse::kEvaluating;
  const RunSpec& spec = options.plan.spec;
  auto engine = options.real_engine ? make_cpu_engine(spec.model, spec.inner, {.threads = 1, .use = use})
                                    : make_toy_engine(spec.model, spec.inner, {.use = use});
  CHECK(engine.has_value());
  return *std::move(engine);
}

}  // namespace

NodeLife::NodeLife(const NodeLifeOptions& options)
    : identity_(options.identity),
      ledger_(options.board, options.calls, options.plan.spec, options.identity.key),
      environment_(options.plan.spec, options.store, ledger_.ledger, options.shards, options.metrics, {},
                   std::make_shared<ContributionPool>(), /*reads_windows_ahead=*/false,
                   std::make_shared<StandingAlarms>(), &options.clock),
      engine_(make_engine(options)) {
  const KeyPair& key = options.identity.key;
  switch (options.identity.role) {
    case NodeRole::kMiner:
      node_.emplace<Miner>(environment_, options.store, *engine_, key,
                           MinerOptions{.state_file = options.state_file});
      break;
    case NodeRole::kValidator:
      node_.emplace<Validator>(
          environment_, options.store, ledger_.writer, *engine_, key,
          ValidatorOptions{.retention = {.keep_last = 3}, .background_checkpoints = false});
      break;
    case NodeRole::kEvaluator:
      node_.emplace<Evaluator>(environment_, *engine_,
                               EvaluatorOptions{.heldout_samples = 2, .state_file = options.state_file});
      break;
  }
}

// As a node's process does when it starts.
Status NodeLife::register_once() {
  if (is_registered_ || identity_.role == NodeRole::kEvaluator) return {};
  TRY_ASSIGN(const uint32_t uid,
             ledger_.writer.register_node(
                 {.role = identity_.role, .key = {}, .bucket = identity_.bucket, .store = ""}));
  is_registered_ = true;
  if (uid == identity_.uid) return {};
  return fatal_error(fmt::format("uid {} instead of {} after registering again", uid, identity_.uid));
}

Result<Progress> NodeLife::advance() {
  TRY(register_once());
  if (auto* miner = std::get_if<Miner>(&node_)) return miner->advance();
  if (auto* validator = std::get_if<Validator>(&node_)) return validator->advance();
  return std::get<Evaluator>(node_).advance();
}

const Replica* NodeLife::replica() const {
  const Replica* replica = nullptr;
  if (const auto* miner = std::get_if<Miner>(&node_)) replica = &miner->replica();
  if (const auto* validator = std::get_if<Validator>(&node_)) replica = &validator->replica();
  return replica != nullptr && replica->begun() ? replica : nullptr;
}

}  // namespace templar
