// `templar doctor`: could a node of that role work here?
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "app/doctor/node_check.h"
#include "app/terminal/printable.h"
#include "app/terminal/standard_output.h"
#include "app/terminal/stop_signal.h"
#include "app/verbs/verbs.h"
#include "app/world/node_options.h"
#include "base/log/secrets.h"

namespace templar {
namespace {

void print_property(const CheckedProperty& property) {
  constexpr const char* kWords[] = {"ok", "warning", "FAILED"};
  print("{:<7}  {:<18}  {}\n", kWords[static_cast<size_t>(property.verdict)], property.name,
        printable(redact(property.text)));
  flush_output();
}

Status examine(NodeRole role, const NodeConfig& config, uint64_t sample_bytes) {
  catch_stop_signals();
  const SystemClock clock;
  const NodeCheckOptions options{.store = {.sample_bytes = sample_bytes, .is_cancelled = stop_requested},
                                 .machine = this_machine()};
  const std::vector<CheckedProperty> found = check_node(role, config, options, clock, print_property);
  const auto count = [&](CheckVerdict verdict) {
    return std::ranges::count(found, verdict, &CheckedProperty::verdict);
  };
  const auto failed = count(CheckVerdict::kBad);
  const auto warnings = count(CheckVerdict::kWarning);
  if (failed > 0) {
    return fatal_error(
        fmt::format("{} of {} checks FAILED: this {} could not work", failed, found.size(), name_of(role)));
  }
  print("\n{} checks, {}: this {} can join\n", found.size(),
        warnings == 0 ? "all ok" : fmt::format("{} warning{}", warnings, warnings == 1 ? "" : "s"),
        name_of(role));
  return {};
}

void add_role(Verb& doctor, NodeRole role) {
  struct Arguments {
    NodeConfig config;
    WatchOptions watch;
    uint64_t sample_bytes = StoreCheckOptions().sample_bytes;
  };
  auto arguments = std::make_shared<Arguments>();
  arguments->watch = default_watch_options(role);
  const std::string name(name_of(role));
  Verb verb = doctor.add_verb(
      name, fmt::format("Check what the {} with these options needs", name),
      fmt::format("Takes the options of `templar {}`, so the same configuration file. A line for each check: "
                  "ok, warning (it works, but something is odd) or FAILED (exit code 1). What is put into "
                  "the store for it is removed again. Where measurements and logs "
                  "are sent to is not asked.",
                  name));
  verb.add_options(node_options(arguments->config, role));
  verb.add_options(watch_options(arguments->watch));
  verb.add_options(alert_options(arguments->config.alerts));
  verb.add_options(
      {{"--sample-size",
        &arguments->sample_bytes,
        "How much goes to the store and back to measure the throughput, e.g. 100MB",
        {.allowed = IntegerRange{1, int64_t{1} << 30}, .shows_default = true, .is_size = true}}});
  verb.takes_settings();
  verb.runs([arguments, role] { return examine(role, arguments->config, arguments->sample_bytes); });
}

}  // namespace

void add_doctor_command(Verb program) {
  Verb doctor = program.add_verb("doctor",
                                 "Check everything that a node needs before it joins: run spec, key, data, "
                                 "ledger, clocks, store, disk, memory, "
                                 "threads, card");
  add_role(doctor, NodeRole::kMiner);
  add_role(doctor, NodeRole::kValidator);
  add_role(doctor, NodeRole::kEvaluator);
}

}  // namespace templar
