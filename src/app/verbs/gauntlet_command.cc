// `templar sim gauntlet` and `templar sim attacks`: what attacks earn under the scoring.
#include <fmt/format.h>

#include <memory>

#include "app/gauntlet/gauntlet.h"
#include "app/gauntlet/gauntlet_report.h"
#include "app/terminal/progress_line.h"
#include "app/terminal/standard_output.h"
#include "app/terminal/stop_signal.h"
#include "app/verbs/verbs.h"
#include "base/files/file.h"
#include "base/log/log.h"

namespace templar {
namespace {

constexpr const char* kGauntletDetails =
    "Each attack is tried by one miner and by two fifths of the miners of a small network, which runs the "
    "nodes'\n"
    "own code on real text; clean networks show what it is compared with. Written to --out: results/ (what "
    "each\n"
    "network came to; the same command goes on where it was stopped), gauntlet.html and summary.json.\n"
    "\n"
    "weight share  what an attacker earns in the last quarter of the windows, of what an honest miner earns "
    "there\n"
    "held-out      by how much the model's loss is above that of a run in which the attackers are absent\n"
    "windows       after how many no attacker ever again had a tenth of an honest miner's weight\n"
    "honest lose   which part of the honest miners' scores penalties took";

struct GauntletArguments {
  GauntletOptions options;
  bool json = false;
};

void list_attacks() {
  for (const AttackForm& form : attacks()) {
    const std::string at_least = form.at_least > 1 ? fmt::format(" (at least {} miners)", form.at_least) : "";
    print("{:18} {}{}\n", form.name, form.does, at_least);
  }
}

Status run(const GauntletArguments& arguments) {
  const GauntletOptions& options = arguments.options;
  catch_stop_signals();
  std::vector<TrialResult> results;
  {
    ProgressLine line;
    TRY_ASSIGN(results, run_gauntlet(
                            options,
                            [&](size_t done, size_t all, const Trial& next) {
                              line.show([&] {
                                return fmt::format("{} of {} networks done, next: {}", done, all,
                                                   next.name());
                              });
                            },
                            stop_requested));
  }
  if (stop_requested()) {
    print("stopped; the same command goes on\n");
    return {};
  }
  const GauntletReport report = report_of(results);
  const std::string json = gauntlet_json(report);
  TRY(write_file_atomically(options.out / "summary.json", json + "\n"));
  TRY(write_file_atomically(options.out / "gauntlet.html", gauntlet_page(report)));
  if (arguments.json) {
    print("{}\n", json);
  } else {
    print("{}page      {}\nsummary   {}\n", gauntlet_table(report), (options.out / "gauntlet.html").string(),
          (options.out / "summary.json").string());
  }
  return {};
}

}  // namespace

void add_gauntlet_commands(Verb sim) {
  sim.add_verb("attacks", "List the attacks that --adversary of `templar localnet` and the gauntlet know")
      .runs([] {
        list_attacks();
        return Status();
      });
  auto arguments = std::make_shared<GauntletArguments>();
  GauntletOptions& options = arguments->options;
  Verb verb = sim.add_verb("gauntlet",
                           "Try every attack against the scoring, and show what it earns\n"
                           "Example: templar sim gauntlet --data ~/texts --out gauntlet",
                           kGauntletDetails);
  verb.add_options(
      {{"--data", &options.data,
        "Text to train on, files and folders, or a prepared data set of sequence length 32"},
       {"--out",
        &options.out,
        "Everything goes here; results that lie there are kept",
        {.shows_default = true}},
       {"--attack", &options.attacks, "Only this one (see `templar sim attacks`); may be repeated"},
       {"--miners",
        &options.miners,
        "Miners of each network",
        {.allowed = IntegerRange{3, 100}, .shows_default = true}},
       {"--windows",
        &options.windows,
        "Windows of each network",
        {.allowed = IntegerRange{8, 100'000}, .shows_default = true}},
       {"--clean-runs",
        &options.clean_runs,
        "Networks without attackers, each from a seed of its own",
        {.allowed = IntegerRange{1, 1000}, .shows_default = true}},
       {"--seed", &options.seed, "The first seed", {.shows_default = true}},
       {"--set", &options.changes, "Change a field of the networks' run spec, FIELD=VALUE; may be repeated"},
       {"--keep-runs", &options.keep_runs, "Keep each network's folder below --out/runs"},
       {"--json", &arguments->json, "Print the summary as JSON"}});
  verb.runs([arguments] { return run(*arguments); });
}

}  // namespace templar
