#include "app/alerts/alert_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <thread>
#include <utility>
#include <vector>

#include "app/command_line/variables.h"
#include "app/terminal/stop_signal.h"
#include "base/clock.h"
#include "base/files/descriptor.h"
#include "base/files/system_error.h"

namespace templar {
namespace {

constexpr std::chrono::milliseconds kWaitPart{10};

// The reading end of a pipe that holds the text and ends behind it. A pipe holds 64 KiB, so that nobody has
// to read while this writes.
Result<Descriptor> pipe_with(const std::string& text) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return retry_error("pipe: " + system_message(errno));
  Descriptor reading(ends[0]);
  const Descriptor writing(ends[1]);
  if (::write(writing.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return retry_error("pipe: " + system_message(errno));
  return reading;
}

std::vector<std::string> variables_of(const Alert& alert) {
  std::vector<std::string> variables = alert_variables(alert);
  for (std::string& inherited : environment_without_options()) {
    if (!inherited.starts_with(kVariablePrefix)) variables.push_back(std::move(inherited));
  }
  return variables;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// How a child starts: a process group of its own, no signal kept back or handled, the text as its input and
// standard error as its output.
class SpawnPlan {
 public:
  explicit SpawnPlan(int input) {
    ::posix_spawn_file_actions_init(&files_);
    ::posix_spawn_file_actions_adddup2(&files_, input, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&files_, STDERR_FILENO, STDOUT_FILENO);
    ::posix_spawnattr_init(&attributes_);
    sigset_t signals;
    ::sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&attributes_, &signals);
    for (const int signal : kStopSignals) ::sigaddset(&signals, signal);
    ::sigaddset(&signals, SIGPIPE);
    ::posix_spawnattr_setsigdefault(&attributes_, &signals);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(&attributes_,
                               POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&files_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  Result<pid_t> start(std::vector<std::string> arguments, std::vector<std::string> variables) const {
    pid_t child = -1;
    const int error = ::posix_spawn(&child, arguments.front().c_str(), &files_, &attributes_,
                                    pointers_to(arguments).data(), pointers_to(variables).data());
    if (error != 0) return retry_error(arguments.front() + ": " + system_message(error));
    return child;
  }

 private:
  posix_spawn_file_actions_t files_{};
  posix_spawnattr_t attributes_{};
};

Status outcome_of(int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return retry_error(WIFSIGNALED(status)
                         ? fmt::format("the command was ended by signal {}", WTERMSIG(status))
                         : fmt::format("the command ended with exit code {}", WEXITSTATUS(status)));
}

}  // namespace

Status run_alert_command(const std::string& command, const Alert& alert, std::chrono::milliseconds at_most) {
  TRY_ASSIGN(const Descriptor input, pipe_with(alert_text(alert)));
  const SpawnPlan plan(input.get());
  TRY_ASSIGN(const pid_t child, plan.start({"/bin/sh", "-c", command}, variables_of(alert)));
  const Stopwatch watch;
  bool is_killed = false;
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(child, &status, is_killed ? 0 : WNOHANG);
    if (ended == child && !is_killed) return outcome_of(status);
    if (ended == child) break;
    if (ended < 0 && errno != EINTR) return retry_error("the command was lost: " + system_message(errno));
    if (!is_killed && watch.seconds() * 1000 >= static_cast<double>(at_most.count())) {
      ::kill(-child, SIGKILL);
      is_killed = true;
    } else if (ended == 0) {
      std::this_thread::sleep_for(kWaitPart);
    }
  }
  return retry_error(fmt::format("the command had not ended after {:.0f} s and was killed",
                                 static_cast<double>(at_most.count()) / 1000));
}

}  // namespace templar
