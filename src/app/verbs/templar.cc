#include "app/verbs/templar.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <system_error>

#include "app/terminal/tell.h"
#include "app/verbs/verbs.h"

namespace templar {
namespace {

constexpr const char* kDescription =
    "Templar trains language models across machines that don't trust each other.\n"
    "Begin with: templar localnet --data FOLDER_OF_TEXT\n"
    "Each verb explains itself: templar VERB --help";

constexpr int kFailureExitCode = 1;

// What std::terminate is called for: an exception that nobody caught, on whatever thread.
[[noreturn]] void end_with_reason() {
  std::string reason = "an exception that nobody caught";
  if (const std::exception_ptr current = std::current_exception()) {
    try {
      std::rethrow_exception(current);
    } catch (const std::exception& failure) {
      reason = failure.what();
    }
  }
  tell(fmt::format("error: {}\n", reason));
  ::_exit(kFailureExitCode);
}

// What could not be written is missing in what somebody goes on with.
int after_output(int exit_code) {
  const bool flushed = std::fflush(stdout) == 0;
  const int failure = errno;
  if (flushed && std::ferror(stdout) == 0) return exit_code;
  tell(fmt::format("error: standard output: {}\n",
                   flushed ? "not all could be written" : std::generic_category().message(failure)));
  return exit_code == 0 ? kFailureExitCode : exit_code;
}

}  // namespace

int run_templar(int argc, char** argv) {
  std::set_terminate(end_with_reason);
  CommandLine command_line("templar", kDescription, TEMPLAR_VERSION);
  const Verb program = command_line.root();
  add_localnet_command(program);
  add_dashboard_command(program);
  add_data_command(program);
  add_run_command(program);
  add_node_commands(program);
  add_checkpoint_command(program);
  add_generate_command(program);
  add_tokenize_command(program);
  add_contribution_command(program);
  add_key_command(program);
  add_top_command(program);
  add_bench_command(program);
  try {
    return after_output(command_line.run({argv + 1, argv + argc}));
  } catch (const std::bad_alloc&) {
    tell("error: out of memory\n");
  } catch (const std::exception& failure) {
    tell(fmt::format("error: {}\n", failure.what()));
  }
  return kFailureExitCode;
}

}  // namespace templar
