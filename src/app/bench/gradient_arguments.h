// What `templar bench codec` and `templar bench aggregate` share: options, and the table of times beside a
// memcpy of the same bytes in the same run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/bench/measure/bench_model.h"
#include "app/bench/measure/memcpy_time.h"
#include "app/command_line/command_line.h"
#include "core/run/run_spec.h"

namespace templar {

struct GradientArguments {
  int64_t millions = 200;          // parameters of the made-up pseudo-gradient
  std::vector<std::string> files;  // measure on these instead
  std::string spec = "150M";
  std::vector<std::string> set;  // FIELD=VALUE, of the spec
  int threads = bench_threads();
  int rounds = 5;
  bool json = false;
};

// All of them but files, whose help differs. The table points into the arguments.
[[nodiscard]] OptionTable gradient_options(GradientArguments& arguments);
// The preset with its changes. Fails (fatal) if there is no such preset or a change does not fit.
[[nodiscard]] Result<RunSpec> spec_of(const GradientArguments& arguments);

// Prints what is measured beside, and the head of the table.
void print_gradient_head(int64_t parameters, const MemcpySeconds& memcpy, int threads, int rounds);
// Prints a line of the table. seconds: for all parameters.
void print_gradient_row(const std::string& what, double seconds, const MemcpySeconds& memcpy,
                        int64_t parameters);

}  // namespace templar
