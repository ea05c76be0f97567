#include "app/localnet/in_process.h"

#include <algorithm>
#include <thread>

#include "app/localnet/baseline.h"
#include "sim/virtual_network.h"

namespace templar {
namespace {

constexpr int64_t kKeptWindows = 6;

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
  TRY_ASSIGN(const auto ledger, SqliteLedger::open_existing(run.path("ledger.db")));
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  VirtualNetwork network(
      *ledger, *ledger,
      {.threads = options.threads > 0 ? options.threads : std::max(1, cores / options.node_threads),
       .block_seconds = run.spec.network.block_seconds,
       .genesis_ms = kGenesisMs,
       .on_block = tick,
       .should_stop = should_stop});
  std::vector<std::unique_ptr<RunningNode>> nodes;
  // A window's contributions stay until all nodes have closed it, and a few before it for those that come
  // back.
  const auto contributions =
      std::make_shared<ContributionPool>(ContributionPoolOptions{.kept_windows = kKeptWindows});
  for (LocalNode node : run.nodes) {
    node.config.contributions = contributions;
    TRY_ASSIGN(nodes.emplace_back(), open_node(node));
    network.add({node.name, [running = nodes.back().get()] { return running->advance(); }});
  }
  if (options.baseline) {
    TRY_ASSIGN(nodes.emplace_back(), open_baseline(baseline_config(run), kBaselineUid));
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
