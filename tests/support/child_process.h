// Other processes in tests: what must hold between processes, or under limits that a process sets on itself,
// is tried in real ones. Call these while the test has no threads of its own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>

namespace templar::testing {

// A child process that runs work and ends with its result: 0 for success.
class ChildProcess {
 public:
  explicit ChildProcess(const std::function<int()>& work);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  // Kills it, if nobody waited for it.
  ~ChildProcess();

  [[nodiscard]] bool running();
  void kill_now();
  // The exit status, or minus the number of the signal that ended it.
  [[nodiscard]] int wait();

 private:
  pid_t pid_ = -1;
  int status_ = 0;
  bool ended_ = false;
};

// Runs work in a child process, to its end.
[[nodiscard]] int run_in_child(const std::function<int()>& work);

// For this process, from now on: a file may grow to that size and no further, as if the disk were full there.
// A write beyond it fails, or kills the process if deadly.
void limit_file_size(uint64_t bytes, bool deadly);
// Gives up root's rights, which no folder refuses. False if that is not possible.
[[nodiscard]] bool become_nobody();

}  // namespace templar::testing
