#include "support/child_process.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>

namespace templar::testing {
namespace {

constexpr uid_t kNobody = 65534;

// An exception must not reach the test program that the child is a copy of.
int run_alone(const std::function<int()>& work) noexcept {
  return work();
}

int exit_code(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace

ChildProcess::ChildProcess(const std::function<int()>& work) : pid_(::fork()) {
  if (pid_ < 0) {
    std::perror("fork");
    std::exit(1);
  }
  if (pid_ > 0) return;
  ::_exit(run_alone(work));  // no destructors: what the parent made is the parent's
}

ChildProcess::~ChildProcess() {
  if (ended_) return;
  kill_now();
  static_cast<void>(wait());
}

bool ChildProcess::running() {
  if (!ended_ && ::waitpid(pid_, &status_, WNOHANG) == pid_) ended_ = true;
  return !ended_;
}

void ChildProcess::kill_now() {
  if (!ended_) ::kill(pid_, SIGKILL);
}

int ChildProcess::wait() {
  if (!ended_) ::waitpid(pid_, &status_, 0);
  ended_ = true;
  return exit_code(status_);
}

int run_in_child(const std::function<int()>& work) {
  return ChildProcess(work).wait();
}

void limit_file_size(uint64_t bytes, bool deadly) {
  std::signal(SIGXFSZ, deadly ? SIG_DFL : SIG_IGN);
  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
  const rlimit size{.rlim_cur = bytes, .rlim_max = bytes};
  if (::setrlimit(RLIMIT_CORE, &no_core) != 0 || ::setrlimit(RLIMIT_FSIZE, &size) != 0) std::terminate();
}

bool become_nobody() {
  return ::setgid(kNobody) == 0 && ::setuid(kNobody) == 0;
}

}  // namespace templar::testing
