#include "support/run_verb.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>

namespace templar::testing {

VerbOutcome run_verb(void (*add)(CLI::App& root, int& exit_code), std::vector<std::string> arguments) {
  CLI::App root("", "templar");
  VerbOutcome outcome;
  add(root, outcome.exit_code);
  std::ranges::reverse(arguments);  // as CLI11 takes them
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  try {
    root.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    outcome = {2, "", error.what()};
  }
  std::fflush(nullptr);
  outcome.output = ::testing::internal::GetCapturedStdout();
  outcome.errors += ::testing::internal::GetCapturedStderr();
  return outcome;
}

}  // namespace templar::testing
