// `templar miner | validator | evaluator`: one node as a process of its own.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "app/terminal/stop_signal.h"
#include "app/terminal/tell.h"
#include "app/verbs/verbs.h"
#include "app/world/core_dumps.h"
#include "app/world/node_options.h"
#include "app/world/node_world.h"
#include "app/world/watch.h"
#include "base/back_off.h"
#include "base/log/log.h"

namespace templar {
namespace {

constexpr auto kFirstPause = std::chrono::milliseconds(5);
constexpr auto kLongestPause = std::chrono::milliseconds(5000);

// Advances the node until it has finished, failed for good, or the process was asked to end. A node whose
// store or ledger is away tries again, ever more slowly, for as long as it takes.
Result<Ending> drive(RunningNode& node) {
  BackOff back_off({.first_pause = kFirstPause, .longest_pause = kLongestPause});
  while (!stop_requested()) {
    const auto progress = node.advance();
    if (!progress && progress.error().kind != ErrorKind::kRetry) return std::unexpected(progress.error());
    if (!progress) {
      const std::chrono::milliseconds pause = back_off.next_pause();
      log(LogLevel::kWarning, "node", "will try again",
          {{"reason", progress.error().message}, {"pause_ms", pause.count()}});
      pause_unless_stopped(pause);
      continue;
    }
    back_off.succeed();
    if (*progress == Progress::kFinished) break;
    node.wait_for_news(*progress, stop_requested);
  }
  TRY(node.stop());
  Ending ending = Ending::kDone;
  for (const StandingAlarm& alarm : node.alarms()) {
    if (form_of(alarm.kind).scope == AlarmScope::kMachine) continue;
    ending = Ending::kAlarmStands;
    tell(fmt::format("alarm: {}, since window {}: {}\n", name_of(alarm.kind), alarm.window,
                     presentable(alarm.reason)));
  }
  return ending;
}

constexpr const char* kExitCodes =
    "Exit codes: 0 done; 1 an error, said on standard error; 2 wrong usage; 3 done, but an alarm of the run "
    "or "
    "of this node stands, said on standard error; 130 interrupted.";

using OpenNode = Result<std::unique_ptr<RunningNode>> (*)(const NodeConfig& config);

void add_node(Verb& program, NodeRole role, const char* name, const char* help, OpenNode open) {
  struct Arguments {
    NodeConfig config;
    WatchOptions watch;
  };
  auto arguments = std::make_shared<Arguments>();
  arguments->watch = default_watch_options(role);
  Verb verb = program.add_verb(name, help, kExitCodes);
  verb.add_options(node_options(arguments->config, role));
  verb.add_options(watch_options(arguments->watch));
  verb.add_options(alert_options(arguments->config.alerts));
  verb.takes_settings();
  verb.runs([arguments, open]() -> Result<Ending> {
    NodeConfig& config = arguments->config;
    forbid_core_dumps();
    catch_stop_signals();
    config.copy_checkpoints = true;
    config.store.is_cancelled = stop_requested;
    if (config.until_window == 0) config.until_window.reset();
    TRY_ASSIGN(config.watch, Watch::open(arguments->watch, config.state_folder));
    TRY_ASSIGN(const std::unique_ptr<RunningNode> node, open(config));
    return drive(*node);
  });
}

}  // namespace

void add_node_commands(Verb program) {
  add_node(program, NodeRole::kMiner, "miner", "Run one miner: train, publish, apply what was decided",
           open_miner);
  add_node(program, NodeRole::kValidator, "validator",
           "Run one validator: gather, measure, rate the miners, set their weights", open_validator);
  add_node(program, NodeRole::kEvaluator, "evaluator", "Run one evaluator: benchmark every checkpoint once",
           open_evaluator);
}

}  // namespace templar
