// What a node was busy with in a window, and when: for people who watch, nothing is decided by it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "node/window/environment.h"

namespace templar {

// What a node can be busy with in a window.
inline constexpr std::array<const char*, 7> kWindowPhases = {"train",    "publish",    "gather",  "apply",
                                                             "evaluate", "checkpoint", "catch_up"};

// One node's; not thread-safe.
class WindowTimeline {
 public:
  // A phase goes on until this is destroyed.
  class Phase {
   public:
    Phase(WindowTimeline& timeline, std::string_view name) : timeline_(timeline), name_(name) {}
    ~Phase() { timeline_.add(name_, watch_); }
    Phase(const Phase&) = delete;
    Phase& operator=(const Phase&) = delete;

   private:
    WindowTimeline& timeline_;
    std::string_view name_;
    Stopwatch watch_;
  };

  // name: one of kWindowPhases.
  [[nodiscard]] Phase phase(std::string_view name) { return {*this, name}; }

  // The phase from the watch's start to now. A phase that comes again in one window begins where it first
  // did, and its seconds add up.
  void add(std::string_view name, const Stopwatch& watch);

  // Writes `window_timeline`: window, and <phase>_start_ms (since the Unix epoch) and <phase>_seconds of each
  // phase since the last report. Nothing where there was none.
  void report(std::string_view role, uint32_t uid, int64_t window, const NodeEnvironment& environment);

 private:
  struct Span {
    TimestampMs start_ms = 0;
    double seconds = 0;
  };
  std::map<std::string, Span, std::less<>> phases_;
};

}  // namespace templar
