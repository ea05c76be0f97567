#include "app/bench/gradient_arguments.h"

#include <fmt/format.h>

#include "app/terminal/standard_output.h"
#include "app/world/node_world.h"

namespace templar {

OptionTable gradient_options(GradientArguments& arguments) {
  return {
      {"--millions",
       &arguments.millions,
       "Parameters, in millions: layers of the preset 150M's shapes",
       {.allowed = IntegerRange{1, 100'000}, .shows_default = true}},
      {"--spec", &arguments.spec, "Preset whose codec and outer step are measured", {.shows_default = true}},
      {"--set", &arguments.set, "Change a field of it, FIELD=VALUE; may be repeated"},
      {"--threads", &arguments.threads, "Threads", {.allowed = IntegerRange{1, 1024}, .shows_default = true}},
      {"--rounds",
       &arguments.rounds,
       "Rounds, of which the best counts",
       {.allowed = IntegerRange{1, 1000}, .shows_default = true}},
      {"--json", &arguments.json, "Print the report as JSON"}};
}

Result<RunSpec> spec_of(const GradientArguments& arguments) {
  TRY_ASSIGN(RunSpec spec, preset_run_spec(arguments.spec));
  TRY(apply_changes(spec, arguments.set));
  return spec;
}

void print_gradient_head(int64_t parameters, const MemcpySeconds& memcpy, int threads, int rounds) {
  const double bytes = static_cast<double>(parameters) * sizeof(float);
  print("{:.1f} M parameters, {} thread{}, best of {}\n", static_cast<double>(parameters) / 1e6, threads,
        threads == 1 ? "" : "s", rounds);
  print("memcpy of the same bytes: {:.1f} ms in one call ({:.1f} GB/s), {:.1f} ms by all threads\n\n",
        memcpy.one_call * 1e3, bytes / memcpy.one_call / 1e9, memcpy.team * 1e3);
  print("  {:<44} {:>12} {:>7} {:>7} {:>9}\n", "", "time", "/memcpy", "/team", "M par./s");
}

void print_gradient_row(const std::string& what, double seconds, const MemcpySeconds& memcpy,
                        int64_t parameters) {
  print("  {:<44} {:>9.1f} ms {:>7.2f} {:>7.2f} {:>9.0f}\n", what, seconds * 1e3, seconds / memcpy.one_call,
        seconds / memcpy.team, static_cast<double>(parameters) / seconds / 1e6);
}

}  // namespace templar
