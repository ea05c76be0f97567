#include "app/localnet/in_process.h"

#include <algorithm>
#include <chrono>

#include "app/localnet/baseline.h"
#include "app/localnet/run_roster.h"
#include "base/threads/processors.h"
#include "sim/virtual_network.h"

namespace templar {
namespace {

// The network tries again by itself, and says so.
constexpr auto kBusyTimeout = std::chrono::milliseconds(100);

NodeConfig with_shared(NodeConfig config, const std::shared_ptr<const SharedWorld>& shared) {
  config.shared = shared;
  return config;
}

}  // namespace

Result<std::unique_ptr<RunningNode>> open_node(const LocalNode& node) {
  switch (node.role) {
    case NodeRole::kMiner:
      return open_miner(node.config);
    case NodeRole::kValidator:
      return open_validator(node.config);
    case NodeRole::kEvaluator:
      return open_evaluator(node.config);
  }
  return fatal_error("unknown role");
}

NodeConfig baseline_config(const LocalRun& run) {
  NodeConfig config = run.nodes.back().config;
  config.state_folder = run.path("state") / "baseline";
  config.metrics_file = run.path("metrics") / "baseline.jsonl";
  return config;
}

Status run_in_process(const LocalRun& run, const LocalnetOptions& options, const std::function<void()>& tick,
                      const std::function<bool()>& should_stop) {
  TRY_ASSIGN(auto ledger, open_ledger(run.ledger, run.spec, {.busy_timeout = kBusyTimeout}));
  TRY_ASSIGN(const auto shared, SharedWorld::open(std::move(ledger), run.path("state")));
  Timekeeper timekeeper(shared->ledger->board(), shared->ledger->entries(), localnet_owner(run.spec.seed));
  VirtualNetwork network(
      timekeeper, shared->ledger->entries(),
      {.threads =
           options.threads > 0 ? options.threads : std::max(1, available_processors() / options.node_threads),
       .block_seconds = run.spec.network.block_seconds,
       .genesis_ms = kGenesisMs,
       .on_block = tick,
       .should_stop = should_stop,
       .outage_pauses = OutagePauses{}});
  std::vector<std::unique_ptr<RunningNode>> nodes;
  for (LocalNode node : run.nodes) {
    node.config = with_shared(node.config, shared);
    TRY_ASSIGN(nodes.emplace_back(), open_node(node));
    network.add({node.name, [running = nodes.back().get()] { return running->advance(); }});
  }
  if (options.baseline) {
    TRY_ASSIGN(nodes.emplace_back(), open_baseline(with_shared(baseline_config(run), shared), kBaselineUid));
    network.add({"baseline", [running = nodes.back().get()] { return running->advance(); }});
  }
  Status outcome = network.run();
  for (const auto& node : nodes) {
    const Status stopped = node->stop();
    if (outcome && !stopped) outcome = stopped;
  }
  return outcome;
}

}  // namespace templar
