// What went wrong in a run. The same thing again is counted, not listed again.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace templar {

struct RunFault {
  std::string kind;    // "verdict", "slash", "divergence", "warning", "error"
  std::string source;  // who it is about: "miner-3"; or whose log it stands in
  std::string text;    // as it was the last time
  int64_t count = 0;
  std::optional<int64_t> first_window, last_window;
  int64_t time_ms = 0;  // 0: unknown
  uint64_t revision = 0;
};

class FaultList {
 public:
  // group: what makes two faults the same, besides kind and source.
  void add(RunFault fault, std::string_view group);
  // By an id that stays the same while the list lives; ids of forgotten faults are not used again.
  [[nodiscard]] const std::map<uint64_t, RunFault>& faults() const { return faults_; }
  [[nodiscard]] int64_t total() const { return total_; }

 private:
  std::map<uint64_t, RunFault> faults_;
  std::map<std::string, uint64_t, std::less<>> ids_;
  uint64_t next_id_ = 0;
  int64_t total_ = 0;
};

// The text with each run of digits replaced by "#": what makes two messages the same.
[[nodiscard]] std::string without_numbers(std::string_view text);

struct LogFault {
  bool is_error = false;
  std::string text;
  std::optional<int64_t> window;
};
// A line of a log (base/log/log_format.h, or of standard error) that is a warning or an error: a JSON object
// with that level, "2026-01-01T12:00:00.000Z W room: message window=3", or "error: message". Nothing for
// other lines.
[[nodiscard]] std::optional<LogFault> fault_in_log_line(std::string_view line);

}  // namespace templar
