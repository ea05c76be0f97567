#include "app/verbs/templar.h"

#include <execinfo.h>
#include <unistd.h>

#include <exception>
#include <new>
#include <string>
#include <system_error>
#include <vector>

#include "app/terminal/standard_output.h"
#include "app/terminal/stop_signal.h"
#include "app/terminal/tell.h"
#include "app/verbs/verbs.h"

namespace templar {
namespace {

constexpr const char* kDescription =
    "Templar trains language models across machines that don't trust each other.\n"
    "Begin with: templar localnet --data FOLDER_OF_TEXT\n"
    "Each verb explains itself: templar VERB --help";

constexpr int kFailureExitCode = 1;

constexpr const char* kOutOfMemory = "error: out of memory\n";
constexpr const char* kNoThread =
    "error: no further thread can be started: the limit of processes (`ulimit -u`) or of memory is reached\n";

// Says what the exception is that is being handled. Asks for no memory where there may be none.
void tell_current_exception() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    tell(kOutOfMemory);
  } catch (const std::system_error& failure) {
    if (failure.code() != std::errc::resource_unavailable_try_again) return tell_error(failure.what());
    tell(kNoThread);
  } catch (const std::exception& failure) {
    tell_error(failure.what());
  }
}

// What std::terminate is called for: an exception that nobody caught, on whatever thread.
[[noreturn]] void end_with_reason() {
  try {
    // Without one an object with a thread of its own was left half made, for want of another thread.
    std::current_exception() ? tell_current_exception() : tell(kNoThread);
  } catch (const std::exception&) {  // telling it took memory, too
    tell(kOutOfMemory);
  }
  ::_exit(kFailureExitCode);
}

// The C library loads what it unwinds threads with when it first needs it, and aborts where there is no
// memory left for that: it does so now.
void load_unwinder() {
  void* frame = nullptr;
  (void)::backtrace(&frame, 1);
}

int run_verb(const std::vector<std::string>& arguments) {
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
  add_ledger_command(program);
  add_network_command(program, run_verb);
  add_store_command(program);
  add_doctor_command(program);
  add_top_command(program);
  add_sim_command(program);
  add_bench_command(program);
  return command_line.run(arguments, process_environment());
}

}  // namespace

int run_templar(int argc, char** argv) {
  std::set_terminate(end_with_reason);
  open_standard_streams();
  survive_write_signals();
  load_unwinder();
  try {
    return exit_code_after_output(run_verb({argv + 1, argv + argc}));
  } catch (const std::exception&) {
    tell_current_exception();
  }
  return kFailureExitCode;
}

}  // namespace templar
