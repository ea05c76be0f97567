// `templar localnet`: a whole network on this machine.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "app/dashboard/dashboard_server.h"
#include "app/localnet/in_process.h"
#include "app/localnet/live_view.h"
#include "app/localnet/processes.h"
#include "app/localnet/results.h"
#include "app/run/run_follower.h"
#include "app/terminal/printable.h"
#include "app/terminal/standard_output.h"
#include "app/terminal/stop_signal.h"
#include "app/terminal/tell.h"
#include "app/terminal/terminal.h"
#include "app/verbs/verbs.h"
#include "app/world/core_dumps.h"
#include "app/world/device_option.h"
#include "app/world/node_options.h"
#include "app/world/precision_option.h"
#include "app/world/watch.h"
#include "base/files/file.h"
#include "base/files/open_files.h"
#include "base/log/log.h"
#include "base/log/log_format.h"
#include "base/log/log_sinks.h"
#include "core/run/parameter_layout.h"

namespace templar {
namespace {

constexpr size_t kSpeakersNamed = 4;

void introduce(const LocalRun& run, const LocalnetOptions& options) {
  const RunSpec& spec = run.spec;
  const std::string rule = spec.algorithm == Algorithm::kDemo
                               ? "DeMo, one gradient"
                               : fmt::format("SparseLoCo, {} inner steps", spec.inner.steps);
  print("{} run {} in {}: {} miners, {}, 1 evaluator, {}\n", run.resumed ? "resuming" : "new",
        run_id(spec).brief(), run.folder.string(), options.miners,
        options.validators == 1 ? "1 validator" : fmt::format("{} validators", options.validators),
        options.processes ? "a process each" : "in one process");
  print("model {}: {:.2f} M parameters; {} a window; {} windows\n\n", spec.name,
        static_cast<double>(parameter_count(parameter_layout(spec.model))) / 1e6, rule, run.windows);
  flush_output();
}

// The log goes to a file, so that the live view stays readable; warnings and errors are shown as well.
Result<std::shared_ptr<Watch>> open_watch(const LocalRun& run, const WatchOptions& options) {
  TRY_ASSIGN(const LogFormat format, parse_log_format(options.log_format));
  TRY_ASSIGN(LogSink file, file_log_sink({.path = run.path("logs") / "localnet.log", .format = format}));
  const std::filesystem::path state = run.path("state") / "localnet";
  TRY(make_folder(state));
  return Watch::open(
      options, state,
      all_log_sinks({std::move(file), stderr_log_sink({.lowest = LogLevel::kWarning,
                                                       .colours = terminal_at(STDERR_FILENO).colours})}));
}

// All windows are there, and all that is measured at the last one.
bool is_finished(const LocalRun& run, const RunKnowledge& known, const LocalnetOptions& options) {
  const int64_t done = known.view.last_window() + 1;
  const bool evaluated = known.view.curve("heldout").contains(done);
  const bool compared = !options.baseline || known.view.curve("baseline_heldout").contains(done);
  return known.summary_windows >= 0 && done >= run.windows && evaluated && compared;
}

// Of the run's own alarms: a miner that is refused, or a disk that is nearly full, leaves the run whole.
Ending say_alarms(const RunView& known) {
  Ending ending = Ending::kDone;
  for (const RunAlarm& alarm : known.alarms()) {
    if (alarm.scope == AlarmScope::kRun) ending = Ending::kAlarmStands;
    tell(fmt::format("alarm: {}, since window {} ({}): {}{}{}\n", presentable(alarm.kind), alarm.window,
                     presentable(speakers_of(alarm, kSpeakersNamed)), presentable(alarm.reason),
                     alarm.advice.empty() ? "" : "; ", alarm.advice));
  }
  return ending;
}

void say_end(const LocalRun& run, const RunView& known) {
  print("\n{}", summary_json(run, known));
  print("\nmodel     {}\ncurve     {}\ntext      {}\nsummary   {}\nmetrics   {}\n",
        run.path("model").string(), run.path("loss.svg").string(), run.path("sample.txt").string(),
        run.path("summary.json").string(), run.path("metrics").string());
}

// The page that shows this run, on threads of its own until the call ends; nothing if it was not asked for.
Result<std::unique_ptr<DashboardServer>> serve_dashboard(const LocalRun& run,
                                                         const LocalnetOptions& options) {
  if (options.dashboard_port < 0) return nullptr;
  if (dashboard_page().empty()) return fatal_error(fmt::format("--dashboard: {}", kNoDashboardPage));
  auto server = DashboardServer::start(
      {.folder = run.folder, .port = options.dashboard_port, .page = dashboard_page()});
  if (!server) return annotate(std::move(server).error(), "--dashboard");
  print("dashboard {} while it trains; afterwards: templar dashboard {}\n\n", (*server)->address(),
        run.folder.string());
  flush_output();
  return server;
}

// Under the sink's own tags.
void write(MetricsSink& metrics, MeasurementName name, std::initializer_list<MetricField> fields) {
  Measurement measurement{.name = std::string(name.text())};
  add_fields(measurement, fields);
  metrics.write(std::move(measurement));
}

// With what its nodes' files may come to each.
WatchOptions watch_of_each_node(WatchOptions watch, size_t nodes) {
  constexpr uint64_t kLeastBytes = uint64_t{64} << 10;
  if (watch.metrics_bytes > 0) watch.metrics_bytes = std::max(watch.metrics_bytes / nodes, kLeastBytes);
  return watch;
}

Result<Ending> run_localnet(LocalnetOptions options) {
  raise_open_files_limit();
  const Stopwatch total;
  TRY_ASSIGN(LocalRun run, open_local_run(options, [](const std::string& line) {
               print("{}\n", line);
               flush_output();
             }));
  options.watch = watch_of_each_node(options.watch, run.nodes.size());
  TRY_ASSIGN(const std::shared_ptr<Watch> watch, open_watch(run, options.watch));
  for (LocalNode& node : run.nodes) {
    node.config.watch = watch;
    node.config.reports_machine = false;
  }
  introduce(run, options);

  TRY_ASSIGN(RunFollower follower, RunFollower::open(run.folder));
  follower.poll_all();
  const RunView& known = follower.knowledge().view;
  if (is_finished(run, follower.knowledge(), options)) {
    print(
        "trained for {} windows already, nothing is left to do: give more --windows to go on, or --fresh to "
        "begin anew\n",
        known.last_window() + 1);
    say_end(run, known);
    return say_alarms(known);
  }
  std::map<std::string, std::string> tags = run_tags(run.spec);
  tags.insert({{"run", run_id(run.spec).brief()}, {"role", "localnet"}});
  TRY_ASSIGN(const auto metrics,
             watch->open_sink(run.path("metrics") / "localnet.jsonl", std::move(tags), true));
  write(*metrics, "localnet_begin",
        {{"windows", run.windows}, {"miners", static_cast<int64_t>(options.miners)}});
  TRY_ASSIGN(const auto dashboard, serve_dashboard(run, options));
  LiveView view(run);
  view.skip_to_end(known);
  const Stopwatch training;
  const auto tick = [&] {
    follower.poll_all();
    view.show(known);
  };
  const auto drive = options.processes ? run_processes : run_in_process;
  const Status outcome = drive(run, options, tick, stop_requested);
  follower.poll_all();
  // How long each call took, so that a resumed run adds up; and what its windows showed, since their own
  // measurements are thinned.
  write(*metrics, "localnet_call",
        {{"train_seconds", training.seconds()},
         {"total_seconds", total.seconds()},
         {"roots_agree", int64_t{known.roots_agree() ? 1 : 0}}});
  metrics->flush();
  follower.poll_all();
  if (!outcome || stop_requested()) say_alarms(known);
  if (!outcome) return std::unexpected(outcome.error());
  if (stop_requested()) {
    print("\nstopped; the same command resumes the run\n");
    return Ending::kDone;
  }
  view.show(known, true);
  TRY_ASSIGN(const std::string text, write_results(run, known));
  print("{}\n", printable(text));
  say_end(run, known);
  const Ending ending = say_alarms(known);
  if (!known.roots_agree()) return fatal_error("the nodes' state roots differ: see the windows marked above");
  return ending;
}

NamedChoice algorithm_choice(std::optional<Algorithm>& algorithm) {
  static constexpr std::array kAlgorithms = {Algorithm::kSparseLoco, Algorithm::kDemo};
  return {.names = {"sparseloco", "demo"},
          .chosen = [&algorithm] { return algorithm == Algorithm::kDemo ? size_t{1} : size_t{0}; },
          .choose = [&algorithm](size_t chosen) { algorithm = kAlgorithms.at(chosen); }};
}

OptionTable what_options(LocalnetOptions& options) {
  return {
      {"--data", &options.data,
       "A folder made by `templar data prepare`, the address where `templar data push` put it, or text: "
       "files and folders"},
      {"--data-cache-size",
       &options.data_cache_bytes,
       "How large data-cache in the run's folder becomes, where what an address gives is kept (0: no limit)",
       {.shows_default = true, .is_size = true}},
      {"--extensions",
       &options.extensions,
       "Of the files taken from text folders, e.g. h,hpp (default: all text)",
       {.is_comma_separated = true}},
      {"--max-bytes", &options.max_bytes, "Take only this much text (e.g. 16MB; 0: all)", {.is_size = true}},
      {"--tokenizer",
       &options.tokenizer,
       "For text: bytes, sentencepiece:FILE, huggingface:PATH (a tokenizer.json or its folder), or "
       "train:VOCABULARY",
       {.shows_default = true}},
      {"--spec", &options.spec, "Run spec: a preset or a file (see `templar run`)", {.shows_default = true}},
      {"--set", &options.changes, "Change a field of the spec, FIELD=VALUE; may be repeated"},
      {"--bootstrap", &options.bootstrap,
       "Weights that the run begins with: a checkpoint's folder of another run, or a directory of Hugging "
       "Face"},
      {"--seed", &options.seed, "The run's seed (default: the spec's)"},
      {"--algorithm", algorithm_choice(options.algorithm), "sparseloco or demo (default: the spec's)"}};
}

OptionTable how_options(LocalnetOptions& options, bool& no_baseline) {
  return {
      {"--miners", &options.miners, "Miners", {.allowed = IntegerRange{1, 1000}, .shows_default = true}},
      {"--adversary", &options.adversaries,
       "NAME or NAME:MINERS: so many of the miners, the last ones, attack the others (see `templar sim "
       "attacks`); may be repeated"},
      {"--validators",
       &options.validators,
       "Validators; the others follow the first, and take over where it is lost",
       {.allowed = IntegerRange{1, 16}, .shows_default = true}},
      {"--windows",
       &options.windows,
       "Windows to train for",
       {.allowed = AboveZero{}, .shows_default = true}},
      {"--out",
       &options.out,
       "Everything goes here; an unfinished run there is resumed",
       {.shows_default = true}},
      {"--fresh", &options.fresh, "Remove an earlier run from --out first, and nothing that no run made"},
      {"--resume-anyway", &options.resume_anyway,
       "Resume a run although text, tokenizer or precision are not those that it was made with"},
      {"--processes", &options.processes, "Each node as a process of its own"},
      {"--store", &options.store.address,
       "Where nodes put their objects, with --processes: "
       "s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION; "
       "{node} in it stands for a node's name (default: the folder store in --out)"},
      {"--store-profile", &options.store.profile,
       "Profile of ~/.aws/credentials whose keys a node writes there with; {node} as above"},
      {"--read-key-file", &options.store.read_key_file,
       "ID:SECRET of a key that may only read a node's bucket, which others are told; {node} as above; "
       "without it buckets must be public"},
      {"--ledger", &options.ledger,
       "Where the ledger is, with --processes: etcd:https://HOST:2379,HOST:2379/PREFIX?user={node}, whose "
       "password comes from password-file=FILE in it or TEMPLAR_ETCD_PASSWORD; {node} as above, and localnet "
       "for this program itself (default: a file in --out)"},
      {"--threads",
       &options.threads,
       "Nodes that work at once in one process (0: one for each core)",
       {.allowed = ZeroOrMore{}}},
      {"--node-threads",
       &options.node_threads,
       "Threads of each node",
       {.allowed = IntegerRange{1, 1024}, .shows_default = true}},
      precision_option(options.precision),
      device_option(options.card),
      {"--micro-batch",
       &options.micro_batch,
       "Sequences that an engine computes at once: memory grows with it, the result stays",
       {.allowed = AboveZero{}, .shows_default = true}},
      {"--recompute-layers", &options.recompute_layers,
       "Miners keep of each layer only what enters it: a third more work, a fraction of the memory"},
      {"--dump-pseudo-gradients", &options.dump_folder,
       "Write what each miner compresses each window into this folder, as safetensors: 8 bytes a parameter "
       "each time"},
      {"--no-baseline", &no_baseline,
       "Leave out the one machine that trains alone, with which the network is compared"},
      {"--heldout-samples",
       &options.heldout_samples,
       "Held-out samples that checkpoints are measured on (0: all)",
       {.allowed = ZeroOrMore{}, .shows_default = true}},
      {"--tasks",
       &options.tasks_folder,
       "Folder of multiple-choice questions for the evaluator (see `templar evaluator`)",
       {.allowed = ExistingFolder{}}}};
}

}  // namespace

void add_localnet_command(Verb program) {
  struct Arguments {
    LocalnetOptions options;
    bool no_baseline = false;
  };
  auto arguments = std::make_shared<Arguments>();
  LocalnetOptions& options = arguments->options;
  Verb verb = program.add_verb(
      "localnet",
      "Train a model with a whole network on this machine: miners, a validator, an evaluator.\n"
      "Example: templar localnet --data ~/texts --miners 4 --windows 60 --out my-run",
      "Exit codes: 0 done; 1 an error, said on standard error; 2 wrong usage; 3 all windows are there, but "
      "an "
      "alarm of the run stands (said on standard error and in summary.json); 130 interrupted.");
  verb.add_options(what_options(options));
  verb.add_options(how_options(options, arguments->no_baseline));
  verb.add_options(watch_options(options.watch));
  verb.add_options({{"--dashboard",
                     &options.dashboard_port,
                     "Show the run in the browser on this port of this machine (0: any free one)",
                     {.allowed = IntegerRange{0, 65535}}}});
  verb.takes_settings();
  verb.runs([arguments] {
    arguments->options.baseline = !arguments->no_baseline;
    forbid_core_dumps();
    catch_stop_signals();
    return run_localnet(arguments->options);
  });
}

}  // namespace templar
