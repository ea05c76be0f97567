// Which of a node's alarms stand: shared by all that speak for the node, and kept over restarts in a file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/threads/mutex.h"
#include "ports/alarm_kinds.h"

namespace templar {

// Of a kind that stands.
struct StandingAlarm {
  AlarmKind kind = AlarmKind::kFalls;
  int64_t window = 0;  // since when
  std::string reason;  // the newest, a sentence for people
  bool operator==(const StandingAlarm&) const = default;
};

using AlarmsByKind = std::map<AlarmKind, StandingAlarm>;

// What such a file says. Empty where there is none; one that can't be read is passed over, which the log
// says.
[[nodiscard]] AlarmsByKind read_alarms(const std::filesystem::path& file);
// Replaces it whole.
[[nodiscard]] Status write_alarms(const std::filesystem::path& file, const AlarmsByKind& alarms);

// Thread-safe.
class StandingAlarms {
 public:
  // In memory.
  StandingAlarms() = default;
  // In that file too: what it says stands. Where there is none, nothing stands; one that can't be read is
  // passed over, and one that can't be written leaves the alarms in memory, which the log says once.
  [[nodiscard]] static std::shared_ptr<StandingAlarms> open(const std::filesystem::path& file);

  // From now on it stands, since that window. Of one that stands already the reason becomes this one, and the
  // window stays. Returns the window since which it stands.
  int64_t begin(const StandingAlarm& alarm);
  // It stands no more. Returns what stood; nullopt if it did not stand.
  std::optional<StandingAlarm> end(AlarmKind kind);

  [[nodiscard]] std::optional<StandingAlarm> find(AlarmKind kind) const;
  // By kind.
  [[nodiscard]] std::vector<StandingAlarm> all() const;
  // Is called, on the thread of whoever begins or ends one, behind each change; must return at once. One
  // listener: another call replaces it, an empty one takes it away, and then it is not called any more.
  void listen(std::function<void()> on_change);

 private:
  void keep() REQUIRES(mutex_);

  std::filesystem::path file_;  // empty: in memory
  mutable Mutex mutex_;
  AlarmsByKind standing_ GUARDED_BY(mutex_);
  bool said_failure_ GUARDED_BY(mutex_) = false;
  Mutex listening_;
  std::function<void()> on_change_ GUARDED_BY(listening_);
};

}  // namespace templar
