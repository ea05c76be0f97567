// The body of a request to Loki's push API.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>

#include "base/log/log.h"

namespace templar {

struct LokiEntry {
  LogEvent event;
  int64_t time_ns = 0;  // since the Unix epoch
  uint64_t number = 0;  // of all that were said, from 0
};

using LokiLabels = std::map<std::string, std::string>;

// The labels of streams so far, so that they stay few.
class LokiStreams {
 public:
  LokiStreams(LokiLabels common, size_t max_streams)
      : common_(std::move(common)), max_streams_(max_streams) {}

  // level, room, and role and uid where the event has them, and the common ones; without role, uid and the
  // room's name when there are too many.
  [[nodiscard]] LokiLabels labels_of(const LogEvent& event);

 private:
  const LokiLabels common_;
  const size_t max_streams_;
  std::set<LokiLabels> known_;
};

// {"streams":[{"stream":{labels},"values":[["time in nanoseconds","line"],...]},...]}
[[nodiscard]] std::string push_request(std::span<const LokiEntry> entries, LokiStreams& streams);

// A label's name: [a-zA-Z_][a-zA-Z0-9_]*.
[[nodiscard]] bool is_label_name(std::string_view name);

}  // namespace templar
