#include "integration/kill_point.h"

#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <map>

#include "base/check.h"

namespace templar::testing {
namespace {

constexpr int kSystemCallStop = SIGTRAP | 0x80;  // with PTRACE_O_TRACESYSGOOD

constexpr std::array kStepCalls = {SYS_write,    SYS_pwrite64, SYS_writev,    SYS_rename,    SYS_renameat2,
                                   SYS_renameat, SYS_fsync,    SYS_fdatasync, SYS_unlink,    SYS_unlinkat,
                                   SYS_mkdir,    SYS_mkdirat,  SYS_rmdir,     SYS_ftruncate, SYS_utimensat,
                                   SYS_link,     SYS_linkat};

// rdi, rsi, rdx, ... as the call got them.
bool is_step(const user_regs_struct& registers) {
  const auto call = static_cast<long>(registers.orig_rax);
  if (call == SYS_openat) return (registers.rdx & (O_CREAT | O_TRUNC)) != 0;
  if (call == SYS_write && (registers.rdi == STDOUT_FILENO || registers.rdi == STDERR_FILENO)) return false;
  return std::ranges::find(kStepCalls, call) != kStepCalls.end();
}

[[noreturn]] void run_traced(const std::function<int()>& work) {
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(125);
  ::raise(SIGSTOP);
  ::_exit(work());
}

class Tracer {
 public:
  Tracer(pid_t child, int kill_at) : child_(child), kill_at_(kill_at) {}

  KilledRun run() {
    int status = 0;
    CHECK(::waitpid(child_, &status, 0) == child_ && WIFSTOPPED(status));
    constexpr long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
    CHECK(::ptrace(PTRACE_SETOPTIONS, child_, nullptr, kOptions) == 0);
    go_on(child_, 0);
    for (;;) {
      const pid_t thread = ::waitpid(-1, &status, __WALL);
      if (thread < 0 && errno == EINTR) continue;
      CHECK(thread > 0);
      if (!WIFSTOPPED(status)) {
        if (thread == child_) return ended(status);
        continue;
      }
      stopped(thread, status);
    }
  }

 private:
  void stopped(pid_t thread, int status) {
    const int signal = WSTOPSIG(status);
    if (signal == kSystemCallStop) {
      in_call_[thread] = !in_call_[thread];
      if (in_call_[thread] && !killed_) enter_call(thread);
      go_on(thread, 0);
    } else {
      // A new thread's first stop, or that of the clone that made it, is ours and not for the process.
      go_on(thread, signal == SIGSTOP || signal == SIGTRAP ? 0 : signal);
    }
  }
  void enter_call(pid_t thread) {
    user_regs_struct registers{};
    if (::ptrace(PTRACE_GETREGS, thread, nullptr, &registers) != 0 || !is_step(registers)) return;
    if (++steps_ < kill_at_) return;
    killed_ = true;
    ::kill(child_, SIGKILL);
  }
  // ESRCH: it has been killed meanwhile.
  static void go_on(pid_t thread, int signal) {
    CHECK(::ptrace(PTRACE_SYSCALL, thread, nullptr, static_cast<long>(signal)) == 0 || errno == ESRCH);
  }
  [[nodiscard]] KilledRun ended(int status) const {
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return {.killed = killed_, .status = code, .steps = steps_};
  }

  const pid_t child_;
  const int kill_at_;
  std::map<pid_t, bool> in_call_;
  bool killed_ = false;
  int steps_ = 0;
};

}  // namespace

KilledRun run_and_kill_at(int step, const std::function<int()>& work) {
  const pid_t child = ::fork();
  CHECK(child >= 0);
  if (child == 0) run_traced(work);
  return Tracer(child, step).run();
}

}  // namespace templar::testing
