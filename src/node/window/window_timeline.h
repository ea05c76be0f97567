// What a node was busy with in a window, and when. It is for people who watch: no decision depends on it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "node/window/environment.h"

namespace templar {

// One node's; not thread-safe.
class WindowTimeline {
 public:
  // A phase goes on until this is destroyed.
  class Phase {
   public:
    Phase(WindowTimeline& timeline, PhaseName name) : timeline_(timeline), name_(name) {}
    ~Phase() { timeline_.add(name_, watch_); }
    Phase(const Phase&) = delete;
    Phase& operator=(const Phase&) = delete;

   private:
    WindowTimeline& timeline_;
    PhaseName name_;
    Stopwatch watch_;
  };

  [[nodiscard]] Phase phase(PhaseName name) { return {*this, name}; }

  // The phase from the watch's start to now. A phase that comes again in one window begins where it first
  // did, and its seconds add up.
  void add(PhaseName name, const Stopwatch& watch);

  // Writes `window_timeline`: window, and <phase>_start_ms (since the Unix epoch) and <phase>_seconds of each
  // phase since the last report. Writes nothing if there was no phase.
  void report(const NodeName& node, int64_t window, const NodeEnvironment& environment);

 private:
  struct Span {
    TimestampMs start_ms = 0;
    double seconds = 0;
  };
  std::map<std::string, Span, std::less<>> phases_;
};

}  // namespace templar
