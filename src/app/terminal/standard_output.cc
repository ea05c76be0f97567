#include "app/terminal/standard_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <system_error>

#include "app/terminal/stop_signal.h"
#include "app/terminal/tell.h"

namespace templar {
namespace {

int first_failure = 0;  // errno of it

void remember_failure(int failure) {
  if (first_failure == 0) first_failure = failure != 0 ? failure : EIO;
  if (failure != EPIPE || request_stop(SIGPIPE)) return;
  std::signal(SIGPIPE, SIG_DFL);
  std::raise(SIGPIPE);
  ::_exit(kPipeExitCode);  // where it is blocked
}

}  // namespace

void open_standard_streams() {
  for (int number = STDIN_FILENO; number <= STDERR_FILENO; ++number) {
    if (::fcntl(number, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest number that is free: this one. Read-only is what makes writes fail; the standard input that
    // nobody gave has come to its end.
    if (::open("/dev/null", O_RDONLY) != number) return;
  }
}

void print_text(std::string_view text) {
  if (first_failure == EPIPE) return;
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) remember_failure(errno);
}

void flush_output() {
  if (first_failure == EPIPE) return;
  errno = 0;
  if (std::fflush(stdout) != 0) remember_failure(errno);
}

int exit_code_after_output(int exit_code) {
  flush_output();
  if (first_failure == 0 && std::ferror(stdout) == 0) return exit_code;
  if (first_failure == EPIPE) return kPipeExitCode;
  tell(fmt::format("error: standard output: {}\n", first_failure == 0
                                                       ? "not all could be written"
                                                       : std::generic_category().message(first_failure)));
  constexpr int kFailureExitCode = 1;
  return exit_code == 0 ? kFailureExitCode : exit_code;
}

}  // namespace templar
