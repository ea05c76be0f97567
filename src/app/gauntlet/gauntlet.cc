#include "app/gauntlet/gauntlet.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "adapters/jsonl_metrics/jsonl_metrics_sink.h"
#include "adapters/shards/data_manifest.h"
#include "app/localnet/in_process.h"
#include "app/run/run_follower.h"
#include "app/terminal/prepare_progress.h"
#include "app/world/watch.h"
#include "base/files/file.h"
#include "base/files/file_writer.h"
#include "base/log/log_sinks.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMostResultBytes = uint64_t{1} << 20;
constexpr int64_t kFewestWindows = 8;
constexpr uint64_t kSequenceLength = 32;
constexpr uint64_t kHeldOutSamples = 256;
// Enough for small networks, and prepared in seconds.
constexpr uint64_t kMostTextBytes = uint64_t{4} << 20;
constexpr const char* kPlanFile = "gauntlet.json";
constexpr const char* kPlanFormat = "templar gauntlet 1";

// A network whose windows take milliseconds, and which learns from text all the same.
std::vector<std::string> spec_changes(const GauntletOptions& options) {
  std::vector<std::string> changes = {"model.hidden_size=32",
                                      "model.num_hidden_layers=1",
                                      "model.intermediate_size=64",
                                      "inner.sequence_length=32",
                                      "inner.batch_size=8",
                                      "inner.steps=4",
                                      "scoring.evaluation_samples=16",
                                      "network.checkpoint_interval=10"};
  changes.insert(changes.end(), options.changes.begin(), options.changes.end());
  return changes;
}

// What all results in a folder have together.
std::string plan_text(const GauntletOptions& options, const std::string& data) {
  Json json = JsonObject{{"format", kPlanFormat},
                         {"data", data},
                         {"miners", options.miners},
                         {"windows", options.windows},
                         {"seed", options.seed}};
  json["changes"] = options.changes;
  return to_text(json, {.indent = 2}) + "\n";
}

Status agree_on_plan(const GauntletOptions& options, const std::string& data) {
  const fs::path file = options.out / kPlanFile;
  const std::string wanted = plan_text(options, data);
  if (!is_there(file)) return write_file_atomically(file, wanted);
  TRY_ASSIGN(const Bytes there, read_file(file, kMostResultBytes));
  if (as_text(there) == wanted) return {};
  return fatal_error(
      fmt::format("{}: results of other options lie there ({}): give the same, or another --out",
                  options.out.string(), file.string()));
}

Result<std::vector<Measurement>> measured(const fs::path& file) {
  std::vector<Measurement> all;
  for (uint64_t offset = 0;;) {
    TRY_ASSIGN(JsonlPage page, read_jsonl_measurements(file, offset));
    std::ranges::move(page.measurements, std::back_inserter(all));
    if (page.next_offset == offset) return all;
    offset = page.next_offset;
  }
}

// The data set that all networks train on: the one that was given, or one prepared of the text in out.
Result<std::string> data_of(const GauntletOptions& options) {
  const fs::path own = options.out / "data";
  if (is_there(own / kManifestFile)) return own.string();
  if (options.data.empty())
    return fatal_error(
        "--data is needed: text, files and folders, or a folder made by `templar data prepare`");
  if (options.data.size() == 1 && is_there(fs::path(options.data[0]) / kManifestFile)) return options.data[0];
  const auto prepared = prepare_with_progress({.inputs = options.data,
                                               .out = own,
                                               .sequence_length = kSequenceLength,
                                               .held_out_samples = kHeldOutSamples,
                                               .max_bytes = kMostTextBytes});
  if (!prepared) return annotate(prepared.error(), "--data");
  return own.string();
}

Result<TrialResult> run_trial(const Trial& trial, const GauntletOptions& options, const std::string& data,
                              const fs::path& folder, const std::function<bool()>& should_stop) {
  LocalnetOptions network{.changes = spec_changes(options),
                          .seed = trial.seed,
                          .data = {data},
                          .out = folder,
                          .miners = static_cast<int>(trial.miners),
                          .windows = trial.windows,
                          .baseline = false};
  if (trial.attack)
    network.adversaries.push_back(fmt::format("{}:{}", form_of(*trial.attack).name, trial.attackers));
  TRY_ASSIGN(LocalRun run, open_local_run(network, [](const std::string&) {}));
  TRY_ASSIGN(LogSink log, file_log_sink({.path = run.path("logs") / "localnet.log"}));
  const fs::path state = run.path("state") / "localnet";
  TRY(make_folder(state));
  WatchOptions watching;
  watching.system_seconds = 0;
  watching.metrics_bytes = 0;
  TRY_ASSIGN(const std::shared_ptr<Watch> watch, Watch::open(watching, state, std::move(log)));
  for (LocalNode& node : run.nodes) {
    node.config.watch = watch;
    node.config.reports_machine = false;
  }
  TRY(run_in_process(run, network, [] {}, should_stop));
  if (should_stop()) return retry_error("stopped");
  TRY_ASSIGN(RunFollower follower, RunFollower::open(run.folder));
  follower.poll_all();
  const RunView& known = follower.knowledge().view;
  TRY_ASSIGN(const std::vector<Measurement> measurements,
             measured(run.path("metrics") / "validator-0.jsonl"));
  TrialResult result = judge_trial(trial, measurements);
  const Curve& heldout = known.curve("heldout");
  if (heldout.empty()) return fatal_error(folder.string() + ": no checkpoint was evaluated");
  result.heldout_loss = heldout.rbegin()->second.value;
  result.roots_agree = known.roots_agree();
  return result;
}

Result<std::vector<Attack>> chosen_attacks(const GauntletOptions& options) {
  std::vector<Attack> chosen;
  for (const AttackForm& form : attacks()) {
    const bool is_named = std::ranges::find(options.attacks, form.name) != options.attacks.end();
    if (options.attacks.empty() || is_named) chosen.push_back(form.attack);
  }
  for (const std::string& name : options.attacks) {
    if (std::ranges::find(attacks(), name, &AttackForm::name) == attacks().end())
      TRY(parse_attack_group(name + ":1"));
  }
  return chosen;
}

}  // namespace

Result<std::vector<Trial>> plan_gauntlet(const GauntletOptions& options) {
  if (options.miners < 3) return fatal_error("--miners: at least 3, or nobody honest is left to compare");
  if (options.windows < kFewestWindows)
    return fatal_error(fmt::format("--windows: at least {}, what a rule looks back at", kFewestWindows));
  TRY_ASSIGN(const std::vector<Attack> chosen, chosen_attacks(options));
  const int64_t many = std::max<int64_t>(2, options.miners * 2 / 5);
  const auto trial = [&](std::optional<Attack> attack, int64_t attackers, int64_t miners, uint64_t seed) {
    return Trial{attack, attackers, miners, options.windows, seed};
  };
  std::vector<Trial> trials = {trial(std::nullopt, 0, options.miners, options.seed),
                               trial(std::nullopt, 0, options.miners - 1, options.seed),
                               trial(std::nullopt, 0, options.miners - many, options.seed)};
  for (const Attack attack : chosen) {
    if (form_of(attack).at_least == 1) trials.push_back(trial(attack, 1, options.miners, options.seed));
    trials.push_back(trial(attack, many, options.miners, options.seed));
  }
  for (int64_t i = 1; i < options.clean_runs; ++i)
    trials.push_back(trial(std::nullopt, 0, options.miners, options.seed + static_cast<uint64_t>(i)));
  return trials;
}

Result<std::vector<TrialResult>> run_gauntlet(
    const GauntletOptions& options,
    const std::function<void(size_t done, size_t all, const Trial& next)>& progress,
    const std::function<bool()>& should_stop) {
  TRY_ASSIGN(const std::vector<Trial> trials, plan_gauntlet(options));
  TRY_ASSIGN(const std::string data, data_of(options));
  TRY(make_folder(options.out / "results"));
  TRY(agree_on_plan(options, data));
  std::vector<TrialResult> results;
  for (const Trial& trial : trials) {
    if (should_stop()) break;
    progress(results.size(), trials.size(), trial);
    const fs::path file = options.out / "results" / (trial.name() + ".json");
    if (is_there(file)) {
      TRY_ASSIGN(const Bytes text, read_file(file, kMostResultBytes));
      TRY_ASSIGN(const Json json, parse_json(as_text(text)));
      TRY_ASSIGN(JsonFields fields, JsonFields::of(json, file.string()));
      TRY_ASSIGN(results.emplace_back(), read_trial_result(std::move(fields)));
      continue;
    }
    const fs::path folder = options.out / "runs" / trial.name();
    Result<TrialResult> result = run_trial(trial, options, data, folder, should_stop);
    if (!result && should_stop()) break;  // resumed by the next call
    if (!result) return annotate(result.error(), trial.name());
    TRY(write_file_atomically(file, to_text(json_of(*result), {.indent = 2}) + "\n"));
    results.push_back(*std::move(result));
    std::error_code ignored;  // what is left costs space and nothing else
    if (!options.keep_runs) fs::remove_all(folder, ignored);
  }
  std::error_code ignored;
  fs::remove(options.out / "runs", ignored);  // if nothing is in it
  return results;
}

}  // namespace templar
