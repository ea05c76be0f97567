// The blocks of a network whose nodes work as fast as they can: a window ends once its contributions are
// there.
#pragma once

#include <cstdint>
#include <functional>

#include "base/clock.h"
#include "node/window/window_clock.h"
#include "ports/ledger.h"

namespace templar {

class BlockPacer {
 public:
  static constexpr double kStallSeconds = 120;
  // ledger and maker are one ledger's two sides and outlive this; windows is how many the run has. A window
  // that is never published whole (a living miner's loss is not finite, say) is held up for stall_seconds and
  // no longer.
  BlockPacer(const LedgerReader& ledger, BlockMaker& maker, const NetworkSpec& network, int64_t windows,
             double stall_seconds = kStallSeconds);

  // Makes the blocks that are due, and fails as the ledger or all_published does. Due are: the first; all up
  // to the closing of the window before the current one, whose beginning is made already (whoever made it may
  // have ended half-way, and no node goes on before it is closed); and, once all_published(the current
  // window), all up to its closing. None after the last window: those that a later call is to train would be
  // over before it.
  [[nodiscard]] Status make_due_blocks(const std::function<Result<bool>(int64_t window)>& all_published);

 private:
  [[nodiscard]] Status make_blocks_until_closed(int64_t window);
  [[nodiscard]] Status make_block(TimestampMs time_ms);

  const LedgerReader& ledger_;
  BlockMaker& maker_;
  const NetworkSpec network_;
  const int64_t windows_;
  const double stall_seconds_;
  const WindowClock clock_;
  Stopwatch since_block_;
};

}  // namespace templar
