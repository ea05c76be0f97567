// `templar sim`: networks that exist in this process alone.
#include <fmt/format.h>
#include <sys/resource.h>

#include <charconv>
#include <filesystem>
#include <memory>
#include <system_error>

#include "app/terminal/progress_line.h"
#include "app/terminal/standard_output.h"
#include "app/terminal/stop_signal.h"
#include "app/verbs/verbs.h"
#include "base/clock.h"
#include "base/json/json.h"
#include "base/log/log.h"
#include "base/uuid.h"
#include "sim/faults/fault_run.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFaultsDetails =
    "A seed makes a network of 2 or 3 validators, 4 to 8 miners and an evaluator, which run the nodes' own "
    "code\n"
    "in virtual time, and what goes wrong around them: nodes killed in the middle of any call, lost, "
    "paused;\n"
    "stores and the ledger slow, away, forgetful; objects torn, rotten, deleted; clocks off by up to an "
    "hour; leaders "
    "replaced.\n"
    "Then the faults end. At every step rules are checked: one model a window, nothing decided twice or "
    "taken\n"
    "back, every record what its decision names, and the run goes on once it is left in peace.\n"
    "\n"
    "The same seed gives the same run. Where a rule is broken the command that runs that seed again is "
    "printed:\n"
    "  templar sim faults --seed 4711 --trace\n"
    "Exit code 1: a rule was broken in some seed.";

struct FaultsArguments {
  uint64_t seed = 1;
  std::string seeds;
  int64_t windows = FaultPlanOptions{}.faulty_windows;
  bool trace = false;
  bool json = false;
  bool real_engine = false;
  bool without_faults = false;
  bool until_failure = false;
};

struct SeedRange {
  uint64_t first = 0;
  uint64_t end = 0;  // exclusive
};

// "A:B": A to B - 1.
Result<SeedRange> parse_seeds(const std::string& text) {
  SeedRange range;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, range.first);
  if (first.ec == std::errc() && first.ptr != end && *first.ptr == ':') {
    const auto last = std::from_chars(first.ptr + 1, end, range.end);
    if (last.ec == std::errc() && last.ptr == end && range.end > range.first) return range;
  }
  return fatal_error(fmt::format("--seeds '{}': must be A:B, the seeds from A up to but without B", text));
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// For what the nodes keep on their disks: in memory where the system has such a folder, since a run writes
// thousands of small files.
class DiskFolder {
 public:
  DiskFolder() {
    std::error_code error;
    const fs::path memory = "/dev/shm";
    const fs::path temporary = fs::temp_directory_path(error);
    const fs::path parent = fs::is_directory(memory, error) ? memory : temporary;
    path_ = parent / ("templar-sim-" + random_uuid());
  }
  ~DiskFolder() { empty(); }
  DiskFolder(const DiskFolder&) = delete;
  DiskFolder& operator=(const DiskFolder&) = delete;

  [[nodiscard]] const fs::path& path() const { return path_; }
  void empty() const {
    std::error_code error;
    fs::remove_all(path_, error);
  }

 private:
  fs::path path_;
};

// Of all seeds together.
struct FaultsSummary {
  int64_t seeds = 0;
  int64_t lost_runs = 0;  // without a broken rule: faults took every copy of something
  FaultRunReport all;
  std::vector<std::pair<uint64_t, std::string>> failures;  // by seed, the first of each
  double cpu_seconds = 0;

  void add(uint64_t seed, const FaultRunReport& report) {
    ++seeds;
    all.windows += report.windows;
    all.decided_windows += report.decided_windows;
    all.null_rounds += report.null_rounds;
    all.virtual_seconds += report.virtual_seconds;
    all.calls += report.calls;
    all.lives += report.lives;
    all.fatal_ends += report.fatal_ends;
    if (report.is_lost) ++lost_runs;
    for (size_t i = 0; i < kFaultKinds; ++i) all.faults[i] += report.faults[i];
    if (!report.failures.empty()) failures.emplace_back(seed, report.failures.front());
  }
  [[nodiscard]] double windows_a_minute() const {
    return 60 * static_cast<double>(all.windows) / std::max(cpu_seconds, 1e-9);
  }
  [[nodiscard]] double times_real_time() const { return all.virtual_seconds / std::max(cpu_seconds, 1e-9); }
};

std::string replay_command(uint64_t seed, const FaultsArguments& arguments) {
  std::string command = fmt::format("templar sim faults --seed {} --trace", seed);
  if (arguments.windows != FaultPlanOptions{}.faulty_windows)
    command += fmt::format(" --windows {}", arguments.windows);
  if (arguments.real_engine) command += " --real-engine";
  if (arguments.without_faults) command += " --without-faults";
  return command;
}

void print_summary(const FaultsSummary& summary) {
  const FaultRunReport& all = summary.all;
  print(
      "{} seeds, {} windows, {} decided, {} of them null rounds; {} calls, {} lives of nodes, {} ended for a "
      "person\n",
      summary.seeds, all.windows, all.decided_windows, all.null_rounds, all.calls, all.lives, all.fatal_ends);
  print("{:.1f} CPU seconds: {:.0f} windows a CPU minute, {:.0f} times real time\n", summary.cpu_seconds,
        summary.windows_a_minute(), summary.times_real_time());
  print("faults:");
  for (size_t i = 0; i < kFaultKinds; ++i) {
    if (all.faults[i] > 0) print(" {} {}", kFaultNames[i], all.faults[i]);
  }
  print("\n{} runs were lost with the last copy of something that they needed\n", summary.lost_runs);
  print("{} seeds broke a rule\n", summary.failures.size());
}

std::string summary_json(const FaultsSummary& summary, const FaultsArguments& arguments) {
  const FaultRunReport& all = summary.all;
  Json json;
  json["seeds"] = summary.seeds;
  json["windows"] = all.windows;
  json["decided_windows"] = all.decided_windows;
  json["null_rounds"] = all.null_rounds;
  json["calls"] = all.calls;
  json["lives"] = all.lives;
  json["lost_runs"] = summary.lost_runs;
  json["fatal_ends"] = all.fatal_ends;
  json["virtual_seconds"] = all.virtual_seconds;
  json["cpu_seconds"] = summary.cpu_seconds;
  json["windows_a_cpu_minute"] = summary.windows_a_minute();
  json["times_real_time"] = summary.times_real_time();
  for (size_t i = 0; i < kFaultKinds; ++i) json["faults"][std::string(kFaultNames[i])] = all.faults[i];
  JsonList failures;
  for (const auto& [seed, what] : summary.failures) {
    failures.push_back(
        JsonObject{{"seed", seed}, {"what", what}, {"replay", replay_command(seed, arguments)}});
  }
  json["failures"] = std::move(failures);
  return to_text(json, {.indent = 2});
}

Result<FaultsSummary> run_seeds(const SeedRange& seeds, const FaultsArguments& arguments) {
  const DiskFolder folder;
  FaultRunOptions options{
      .plan = {.faulty_windows = arguments.windows, .without_faults = arguments.without_faults},
      .real_engine = arguments.real_engine,
      .folder = folder.path(),
      .on_line = {},
      .should_stop = stop_requested};
  if (arguments.trace) options.on_line = [](std::string_view line) { print("{}\n", line); };
  FaultsSummary summary;
  ProgressLine progress;
  const double started = cpu_seconds();
  for (uint64_t seed = seeds.first; seed < seeds.end && !stop_requested(); ++seed) {
    if (arguments.until_failure && !summary.failures.empty()) break;
    TRY_ASSIGN(const FaultRunReport report, run_with_faults(seed, options));
    folder.empty();
    if (report.stopped) break;
    summary.add(seed, report);
    if (!report.failures.empty() && !arguments.json) {
      print("seed {}: {}\n  {}\n", seed, report.failures.front(), replay_command(seed, arguments));
      flush_output();
    }
    progress.show([&] {
      return fmt::format("seed {} of {}:{}, {} windows, {} broke a rule", seed, seeds.first, seeds.end,
                         summary.all.windows, summary.failures.size());
    });
  }
  summary.cpu_seconds = cpu_seconds() - started;
  return summary;
}

Result<bool> sim_faults(const FaultsArguments& arguments) {
  SeedRange seeds{arguments.seed, arguments.seed + 1};
  if (!arguments.seeds.empty()) {
    TRY_ASSIGN(seeds, parse_seeds(arguments.seeds));
  }
  catch_stop_signals();
  TRY_ASSIGN(const FaultsSummary summary, run_seeds(seeds, arguments));
  if (arguments.json) {
    print("{}\n", summary_json(summary, arguments));
  } else {
    print_summary(summary);
  }
  return summary.failures.empty();
}

}  // namespace

void add_sim_command(Verb program) {
  Verb sim = program.add_verb("sim", "Simulate whole networks in virtual time");
  add_gauntlet_commands(sim);
  auto arguments = std::make_shared<FaultsArguments>();
  Verb verb = sim.add_verb("faults", "Let everything fail that can, from a seed, and check what must hold",
                           kFaultsDetails);
  verb.add_options(
      {{"--seed", &arguments->seed, "The one seed to run", {.shows_default = true}},
       {"--seeds",
        &arguments->seeds,
        "A:B: run the seeds from A up to but without B",
        {.excludes = "--seed"}},
       {"--windows",
        &arguments->windows,
        "Windows with faults; some without follow",
        {.allowed = IntegerRange{4, 100'000}, .shows_default = true}},
       {"--trace", &arguments->trace,
        "Print all that happens, a line each, with its moment in virtual seconds"},
       {"--real-engine", &arguments->real_engine,
        "Nodes compute a language model on the processor, instead of a toy that trains in microseconds"},
       {"--without-faults", &arguments->without_faults, "The same networks, left in peace"},
       {"--until-failure", &arguments->until_failure, "Stop after the first seed that breaks a rule"},
       {"--json", &arguments->json, "Print the summary as JSON", {.excludes = "--trace"}}});
  verb.runs([arguments] {
    bool kept = false;
    const int exit_code = exit_code_of([&]() -> Status {
      TRY_ASSIGN(kept, sim_faults(*arguments));
      return {};
    });
    return exit_code == 0 && !kept ? 1 : exit_code;
  });
}

}  // namespace templar
