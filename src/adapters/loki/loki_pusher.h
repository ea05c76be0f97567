// Events of the log for a Loki server (its HTTP API: POST /loki/api/v1/push). Watching never slows or stops
// the one who speaks: an event is put into a queue, and a thread of its own does the rest.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "base/log/log.h"
#include "base/result.h"

namespace templar {

struct LokiOptions {
  std::string url;   // of the server, "http://host:3100", or the whole address of its push API
  std::string user;  // Basic authentication; empty: none
  std::string password;
  std::string token;                          // Bearer authentication; empty: none
  std::string tenant;                         // X-Scope-OrgID; empty: none
  std::filesystem::path ca_file;              // empty: the system's certificates
  std::map<std::string, std::string> labels;  // of all events, such as run; few, and the same for long
  LogLevel lowest = LogLevel::kDebug;         // events below are not pushed

  size_t max_queued = 10'000;  // events that wait; then the oldest go
  size_t batch = 1'000;        // events of one request
  // For no longer does an event wait for others.
  std::chrono::milliseconds interval = std::chrono::seconds(5);
  std::chrono::milliseconds request_timeout = std::chrono::seconds(10);
  // After a failure; then twice as long each time (BackOff)
  std::chrono::milliseconds first_pause = std::chrono::milliseconds(500);
  std::chrono::milliseconds longest_pause = std::chrono::seconds(60);
  uint64_t seed = 0;  // of how long exactly the pauses are: another one in each process
  std::chrono::milliseconds exit_deadline = std::chrono::seconds(5);  // for what is left at the end
};

struct LokiCounts {
  uint64_t pushed = 0;
  uint64_t dropped = 0;   // the queue was full, or the end came
  uint64_t rejected = 0;  // the server would not have them, ever
  bool operator==(const LokiCounts&) const = default;
};

// Each event is a line of JSON (json_log_line) in a stream with the labels level, room, and role and uid
// where the event has them, and those of the options; at most kMaxStreams of them, then role and uid are left
// out and room is "other". Times are in nanoseconds, and of one pusher's events no two have the same: in a
// stream they are in order, and one that is pushed twice, because an answer was lost, counts once.
//
// While the server is away, hangs, is busy (429, 5xx) or does not let us in, events wait and are tried again;
// the log says so once, and once when it is back, with how many were dropped. A batch that is refused as such
// (400 and others) is counted and said.
class LokiPusher {
 public:
  static constexpr size_t kMaxStreams = 500;

  // Fails (fatal) where the options can't be used. Password and token are registered as secrets.
  [[nodiscard]] static Result<std::unique_ptr<LokiPusher>> open(LokiOptions options);
  // Delivers what is left until the deadline; the rest is counted as dropped.
  ~LokiPusher();

  // Takes microseconds. May be kept and called longer than the pusher lives; what comes then is dropped.
  [[nodiscard]] LogSink sink() const;
  // True if all that was said before is delivered or rejected or dropped by then.
  bool flush(std::chrono::milliseconds at_most);
  [[nodiscard]] LokiCounts counts() const;

 private:
  struct Queue;
  class Worker;
  explicit LokiPusher(LokiOptions options);

  const std::chrono::milliseconds exit_deadline_;
  std::shared_ptr<Queue> queue_;
  std::unique_ptr<Worker> worker_;
};

}  // namespace templar
