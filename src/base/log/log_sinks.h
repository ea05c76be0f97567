// Where events go: standard error, files, several places at once. Each is a LogSink for set_log_sink(),
// thread-safe; copies share one place. What can't be written is counted (log_counts) and never comes back to
// the caller.
#pragma once

#include <filesystem>
#include <vector>

#include "base/log/log_event.h"
#include "base/log/log_format.h"
#include "base/result.h"

namespace templar {

struct StderrLogOptions {
  LogFormat format = LogFormat::kText;
  LogLevel lowest = LogLevel::kDebug;  // events below are left out here
  bool colours = false;
};
// Text is shorter than in files, with local time.
[[nodiscard]] LogSink stderr_log_sink(StderrLogOptions options = {});

struct FileLogOptions {
  std::filesystem::path path;
  LogFormat format = LogFormat::kText;
  uint64_t max_file_bytes =
      uint64_t{64} << 20;  // a file that would grow beyond this becomes PATH.1; a longer line is cut off
  int max_files = 5;       // with the one that is written; PATH.1 is the newest of the others; at least 1
  LogLevel lowest = LogLevel::kDebug;
};
// Appends a line for each event, each with one write, so that a killed process leaves whole lines. Fails
// (fatal) if the file can't be opened. Later, a disk that is full or a folder that is gone costs only the
// events in between.
[[nodiscard]] Result<LogSink> file_log_sink(FileLogOptions options);

// Gives each event to all of them. One that throws is counted, and the others have it all the same.
[[nodiscard]] LogSink all_log_sinks(std::vector<LogSink> sinks);

}  // namespace templar
