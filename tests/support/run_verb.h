// One of the program's verbs, run in this process as from a command line.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "app/command_line/command_line.h"

namespace templar::testing {

struct VerbOutcome {
  int exit_code = -1;  // 2: wrong usage
  std::string output;
  std::string errors;
};

// add: the function that adds the verb to the program. arguments: from the verb's name on.
[[nodiscard]] inline VerbOutcome run_verb(const std::function<void(Verb program)>& add,
                                          const std::vector<std::string>& arguments) {
  CommandLine command_line("templar", "", "");
  add(command_line.root());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  VerbOutcome outcome{.exit_code = command_line.run(arguments), .output = {}, .errors = {}};
  std::fflush(nullptr);
  outcome.output = ::testing::internal::GetCapturedStdout();
  outcome.errors = ::testing::internal::GetCapturedStderr();
  return outcome;
}

}  // namespace templar::testing
