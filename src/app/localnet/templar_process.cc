#include "app/localnet/templar_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <thread>

#include "app/command_line/variables.h"
#include "app/terminal/stop_signal.h"
#include "base/clock.h"
#include "base/files/file.h"
#include "base/files/system_error.h"

namespace templar {
namespace {

constexpr auto kWaitPause = std::chrono::milliseconds(2);

std::string describe(int status) {
  if (WIFSIGNALED(status)) return fmt::format("signal {}", WTERMSIG(status));
  if (WEXITSTATUS(status) != 0) return fmt::format("exit code {}", WEXITSTATUS(status));
  return "";
}

// The signals that ask a process to end, kept back from this thread as long as this lives.
class BlockedSignals {
 public:
  BlockedSignals() {
    ::sigemptyset(&signals_);
    for (const int signal : kStopSignals) ::sigaddset(&signals_, signal);
    ::pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  }
  ~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

  // In a forked child: no handler any more, and nothing kept back.
  void leave_to_the_system() const {
    // One that is ignored stays so (`nohup`), as over exec.
    for (const int signal : kStopSignals) {
      if (std::signal(signal, SIG_DFL) == SIG_IGN) std::signal(signal, SIG_IGN);
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t signals_{};
  sigset_t before_{};
};

}  // namespace

Result<TemplarProcess> TemplarProcess::start(const std::vector<std::string>& arguments,
                                             const std::filesystem::path& log) {
  const int output = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (output < 0) return file_error(log, errno);
  std::vector<char*> argv;
  std::string program = "/proc/self/exe";
  argv.push_back(program.data());
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  // All options are said by the arguments: a variable would be taken for those that are as they are by
  // default.
  std::vector<std::string> variables = environment_without_options();
  std::vector<char*> environment;
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);

  const pid_t parent = ::getpid();
  // Between fork and exec the child has this process' handlers: a request to end that came then would be
  // lost. It is kept back until the child has none of them.
  const BlockedSignals blocked;
  const pid_t pid = ::fork();
  if (pid == 0) {
    blocked.leave_to_the_system();
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(1);  // the parent went before the line above
    ::setpgid(0, 0);                        // Ctrl-C goes to the supervisor, which stops the children itself
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    ::execve(program.c_str(), argv.data(), environment.data());
    ::_exit(127);
  }
  const int failure = errno;
  ::close(output);
  if (pid < 0) return fatal_error(std::string("fork: ") + system_message(failure));
  return TemplarProcess(pid);
}

std::optional<std::string> TemplarProcess::ended() {
  if (outcome_) return outcome_;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) == pid_) outcome_ = describe(status);
  return outcome_;
}

void TemplarProcess::request_stop() const {
  if (outcome_) return;
  ::kill(pid_, SIGTERM);
  ::kill(pid_, SIGCONT);
}

void TemplarProcess::wait(double at_most_seconds) {
  const Stopwatch watch;
  bool killed = false;
  int status = 0;
  while (!outcome_) {
    const pid_t ended = ::waitpid(pid_, &status, killed ? 0 : WNOHANG);
    if (ended == pid_) {
      outcome_ = describe(status);
    } else if (ended < 0 && errno != EINTR) {
      outcome_ = "lost";
    } else if (!killed && watch.seconds() > at_most_seconds) {
      ::kill(pid_, SIGKILL);
      killed = true;
    } else if (ended == 0) {
      std::this_thread::sleep_for(kWaitPause);
    }
  }
}

}  // namespace templar
