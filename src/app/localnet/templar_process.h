// A child process that runs this same program, templar, with other arguments.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace templar {

class TemplarProcess {
 public:
  // Starts it, its output appended to the log file. It gets SIGTERM when this process ends in whatever way.
  [[nodiscard]] static Result<TemplarProcess> start(const std::vector<std::string>& arguments,
                                                    const std::filesystem::path& log);

  [[nodiscard]] pid_t pid() const { return pid_; }
  // How it ended ("exit code 1", "signal 9"; empty text for exit code 0), or nothing while it runs.
  [[nodiscard]] std::optional<std::string> ended();
  // Asks it to end; one that stands still (SIGSTOP) goes on first.
  void request_stop() const;
  // Waits for its end. One that has not come to it after so many seconds is killed.
  void wait(double at_most_seconds);

 private:
  explicit TemplarProcess(pid_t pid) : pid_(pid) {}
  pid_t pid_ = -1;
  std::optional<std::string> outcome_;
};

}  // namespace templar
