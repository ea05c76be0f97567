// How a driver lets its node wait: until there may be news, and without asking stores across a network again
// and again.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "base/clock.h"
#include "core/run/run_spec.h"
#include "node/window/environment.h"
#include "ports/ledger.h"

namespace templar {

// The pause after so long a wait for an object across a network, in a run with such windows: half as long
// as it was waited for, so that the wait grows by half at most, and at most a sixteenth of a window. A
// node that waits for a whole window of up to two hours asks 40 times at most.
[[nodiscard]] std::chrono::milliseconds remote_pause(double waited_seconds, double window_seconds);

// Of one node, used by the thread that drives it.
class NewsWait {
 public:
  // is_remote: what nodes wait for, a store or the ledger, lies across a network. The ledger outlives it.
  NewsWait(const LedgerReader& ledger, const NetworkSpec& network, bool is_remote)
      : ledger_(ledger),
        window_seconds_(static_cast<double>(network.blocks_per_window * network.block_seconds)),
        is_remote_(is_remote) {}

  // To be called before each step of the node: a block that is made meanwhile is news.
  void begin_step();
  // The step's outcome. Returns when the node may go on, or should_stop says so.
  void wait_after(Progress progress, const std::function<bool()>& should_stop);

 private:
  // Looks at the ledger anew, and tells whether it has another block than when it was looked at before; true
  // also where it is away.
  bool look();
  void await_block(const std::function<bool()>& should_stop);
  void await_entry(const std::function<bool()>& should_stop);
  void pause_for_object(const std::function<bool()>& should_stop);

  const LedgerReader& ledger_;
  const double window_seconds_;
  const bool is_remote_;
  std::optional<int64_t> revision_;    // of the ledger when the step began, or before; nullopt: not known
  std::optional<int64_t> block_;       // the newest then; nullopt: none, or not known
  std::optional<Stopwatch> awaiting_;  // an object, since the last step that did something
};

}  // namespace templar
