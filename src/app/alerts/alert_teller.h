// Tells one place (a command, a webhook) of a node's alarms: each beginning and each end once, also over
// restarts, for as long as it takes, and on a thread of its own, so that the node never waits.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "app/alerts/alert.h"
#include "base/back_off.h"
#include "base/result.h"
#include "base/threads/mutex.h"
#include "node/window/standing_alarms.h"

namespace templar {

struct AlertTellerOptions {
  std::string place;  // "command" or "webhook", for the log
  std::string node;   // who speaks, as in Alert
  std::string run;
  std::filesystem::path told_file;  // remembers what was told of and has not ended
  RetryRule retry = {.first_pause = std::chrono::seconds(5),
                     .longest_pause = std::chrono::minutes(10),
                     .most_retries = {},
                     .jitter_seed = {}};
};

// What was told is what stands, sooner or later: an alarm that begins and ends before the place could be told
// is passed over; one of which the teller was killed before it could write down that it was told is told
// twice.
class AlertTeller {
 public:
  // Takes a while at most, and fails where the place was not told.
  using Tell = std::function<Status(const Alert& alert)>;

  // Tells of what stands now and was not told of. A told_file that can't be read is begun anew.
  AlertTeller(AlertTellerOptions options, std::shared_ptr<const StandingAlarms> alarms, Tell tell);
  // Tells of what has not been told, unless the place does not answer now.
  ~AlertTeller();
  AlertTeller(const AlertTeller&) = delete;
  AlertTeller& operator=(const AlertTeller&) = delete;

  // What stands has changed. Returns at once. Thread-safe.
  void notice();
  // True once all that stands, and all that has ended, is told; false if it is not by then. Thread-safe.
  bool flush(std::chrono::milliseconds at_most);

 private:
  void work();
  // The next thing to tell, and what is told once that is done.
  struct Step {
    Alert alert;
    AlarmsByKind told_then;
  };
  [[nodiscard]] std::optional<Step> next_step() const;
  [[nodiscard]] Status tell_all();
  void keep();

  const AlertTellerOptions options_;
  const std::shared_ptr<const StandingAlarms> alarms_;
  const Tell tell_;
  AlarmsByKind told_;          // the thread's own
  bool said_failure_ = false;  // likewise: that the place could not be told
  bool said_unkept_ = false;   // likewise: that told_file can't be written

  Mutex mutex_;
  ConditionVariable changed_;
  bool has_news_ GUARDED_BY(mutex_) = true;
  bool is_told_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace templar
