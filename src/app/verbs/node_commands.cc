// `templar miner | validator | evaluator`: one node as a process of its own.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <thread>

#include "app/terminal/stop_signal.h"
#include "app/verbs/command.h"
#include "app/world/node_world.h"
#include "app/world/options.h"
#include "app/world/watch.h"
#include "base/log.h"

namespace templar {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(5);
constexpr auto kLongestPause = std::chrono::milliseconds(5000);

// Advances the node until it has finished, failed for good, or somebody asks for the end. A node whose store
// or ledger is away tries again, ever more slowly, for as long as it takes.
Status drive(RunningNode& node) {
  std::chrono::milliseconds pause = kPoll;
  while (!stop_requested()) {
    const auto progress = node.advance();
    if (!progress && progress.error().kind != ErrorKind::kRetry) return std::unexpected(progress.error());
    if (progress && *progress == Progress::kFinished) break;
    if (progress && *progress == Progress::kWorked) {
      pause = kPoll;
      continue;
    }
    if (progress) {
      pause = kPoll;
    } else {
      log(LogLevel::kWarning, "node", "will try again",
          {{"reason", progress.error().message}, {"pause_ms", pause.count()}});
    }
    std::this_thread::sleep_for(pause);
    if (!progress) pause = std::min(2 * pause, kLongestPause);
  }
  return node.stop();
}

struct NodeArguments {
  NodeConfig config;
  std::string precision = "f32";
  int64_t until_window = 0;
  double stake = 1;
  WatchOptions watch;
};

void add_common_options(CLI::App& verb, NodeArguments& arguments) {
  NodeConfig& config = arguments.config;
  verb.add_option("--spec", config.spec_file,
                  "Run spec: what all nodes of the run agree on (see `templar run`)")
      ->required();
  verb.add_option("--data", config.data_folder, "Data folder, made by `templar data prepare`")->required();
  verb.add_option("--store", config.store_root, "Folder of the object store that the nodes share")
      ->required();
  verb.add_option("--ledger", config.ledger_file, "SQLite ledger that the nodes share")->required();
  verb.add_option("--state", config.state_folder, "Folder for this node's own state, kept over restarts")
      ->required();
  verb.add_option("--metrics", config.metrics_file, "Measurements are appended here, one JSON object a line")
      ->required();
  verb.add_option("--threads", config.threads, "Threads that the node computes with")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  add_precision_option(verb, arguments.precision);
  verb.add_option("--until-window", arguments.until_window,
                  "End once the model is the start of this window (0: run on)")
      ->check(CLI::NonNegativeNumber);
  add_watch_options(verb, arguments.watch);
}

void add_checkpoint_options(CLI::App& verb, NodeConfig& config) {
  verb.add_option("--keep-checkpoints", config.retention.keep_last,
                  "Newest checkpoints that stay in the bucket")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb.add_option("--keep-checkpoint-every", config.retention.keep_every,
                  "And those whose window is a multiple of this (0: no others)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  verb.add_option("--checkpoint-shard-size", config.checkpoint_shard_bytes,
                  "Largest file of a checkpoint, e.g. 512MB")
      ->transform(CLI::AsSizeValue(true))
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
}

void add_evaluation_options(CLI::App& verb, NodeConfig& config) {
  EvaluationConfig& evaluation = config.evaluation;
  verb.add_option("--heldout-samples", config.heldout_samples, "Held-out samples to measure on (0: all)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  verb.add_option("--tasks", evaluation.tasks_folder,
                  "Folder of multiple-choice questions: TASK.jsonl, TASK.fewshot.jsonl")
      ->check(CLI::ExistingDirectory);
  verb.add_option("--limit", evaluation.task_limit,
                  "Only the first so many questions of a task, for MMLU of a subject (0: all)")
      ->check(CLI::NonNegativeNumber);
  verb.add_option("--num-fewshot", evaluation.num_fewshot,
                  "Solved examples before each question: N, or TASK=N; may be repeated")
      ->take_all();
  verb.add_option("--mmlu-every", evaluation.mmlu_every,
                  "MMLU in the first and in every so many-th evaluation after it")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb.add_flag("--force", evaluation.force, "Evaluate again what has been evaluated before");
  verb.add_option("--backfill", evaluation.backfill,
                  "Only the checkpoints of the windows FROM:TO, FROM: or :TO, then end");
}

template <typename Open>
int run_node(NodeArguments& arguments, const Open& open) {
  catch_stop_signals();
  return run_command([&]() -> Status {
    arguments.config.precision = parse_precision(arguments.precision);
    arguments.config.copy_checkpoints = true;
    if (arguments.until_window > 0) arguments.config.until_window = arguments.until_window;
    TRY_ASSIGN(arguments.config.watch, Watch::open(arguments.watch, arguments.config.state_folder));
    TRY_ASSIGN(const std::unique_ptr<RunningNode> node, open(arguments));
    return drive(*node);
  });
}

}  // namespace

void add_node_commands(CLI::App& root, int& exit_code) {
  auto miner_arguments = std::make_shared<NodeArguments>();
  CLI::App* miner = root.add_subcommand("miner", "Run one miner: train, publish, gather, apply");
  add_common_options(*miner, *miner_arguments);
  miner->add_option("--key", miner_arguments->config.key_file, "Key file (see `templar key new`)")
      ->required();
  miner->add_option(
      "--dump-pseudo-gradients", miner_arguments->config.dump_folder,
      "Write what is compressed each window into this folder, as safetensors: 8 bytes a parameter each time");
  miner->callback([miner_arguments, &exit_code] {
    exit_code = run_node(*miner_arguments, [](const NodeArguments& a) { return open_miner(a.config); });
  });

  auto validator_arguments = std::make_shared<NodeArguments>();
  CLI::App* validator = root.add_subcommand(
      "validator", "Run one validator: gather, measure, rate the miners, set their weights");
  validator_arguments->watch.influx.batch_size = 10'000;
  add_common_options(*validator, *validator_arguments);
  validator->add_option("--key", validator_arguments->config.key_file, "Key file (see `templar key new`)")
      ->required();
  validator->add_option("--stake", validator_arguments->stake, "Stake at registration; the most stake leads")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  add_checkpoint_options(*validator, validator_arguments->config);
  validator->callback([validator_arguments, &exit_code] {
    exit_code = run_node(*validator_arguments,
                         [](const NodeArguments& a) { return open_validator(a.config, a.stake); });
  });

  auto evaluator_arguments = std::make_shared<NodeArguments>();
  CLI::App* evaluator =
      root.add_subcommand("evaluator", "Run one evaluator: benchmark every checkpoint once");
  add_common_options(*evaluator, *evaluator_arguments);
  add_evaluation_options(*evaluator, evaluator_arguments->config);
  evaluator->callback([evaluator_arguments, &exit_code] {
    exit_code =
        run_node(*evaluator_arguments, [](const NodeArguments& a) { return open_evaluator(a.config); });
  });
}

}  // namespace templar
