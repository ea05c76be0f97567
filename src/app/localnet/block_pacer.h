// The blocks of a network whose nodes work as fast as they can: a window ends once its contributions are
// there.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "app/localnet/attended_time.h"
#include "base/clock.h"
#include "node/window/window_clock.h"
#include "ports/ledger.h"

namespace templar {

class BlockPacer {
 public:
  // Who holds up a window: the names of those who have not published yet.
  using FindMissing = std::function<Result<std::vector<std::string>>(int64_t window)>;

  // How long a window may be held up by those who do not publish (one stands still, or its loss is not
  // finite): several times the longest of the windows before it, so that a slow machine is no fault.
  struct Patience {
    double first_window_seconds = 3600;  // where there was none before it
    double shortest_seconds = 10;
    double times_longest_window = 5;
    // When those who are missing are named on the log: after this, and twice the longest window.
    double notice_seconds = 2;
  };

  // ledger and maker are one ledger's two sides and outlive this; windows is how many the run has.
  BlockPacer(const LedgerReader& ledger, BlockMaker& maker, const NetworkSpec& network, int64_t windows);
  BlockPacer(const LedgerReader& ledger, BlockMaker& maker, const NetworkSpec& network, int64_t windows,
             const Patience& patience);

  // Makes the blocks that are due, and fails as the ledger or find_missing does. Due are: the first; all up
  // to the closing of the window before the current one, whose beginning is made already (whoever made it may
  // have ended half-way, and no node goes on before it is closed); and, once nobody is missing in the current
  // window or its time is over, all up to its closing. None after the last window: those that a later call is
  // to train would be over before it.
  [[nodiscard]] Status make_due_blocks(const FindMissing& find_missing);

 private:
  [[nodiscard]] Status make_blocks_until_closed(int64_t window);
  [[nodiscard]] Status make_block(TimestampMs time_ms);

  const LedgerReader& ledger_;
  BlockMaker& maker_;
  const NetworkSpec network_;
  const int64_t windows_;
  // Whether the window's time is over; names those who are missing once, and again when it is.
  [[nodiscard]] bool is_given_up(int64_t window, const std::vector<std::string>& missing);
  [[nodiscard]] double longest_window() const;
  [[nodiscard]] double longest_wait(const std::vector<std::string>& missing) const;

  const Patience patience_;
  const WindowClock clock_;
  const Stopwatch watch_;
  AttendedTime since_block_;
  std::deque<double> window_seconds_;  // of the newest windows that all published in
  int64_t named_window_ = -1;          // the newest that those who are missing were named in
  std::set<std::string> late_;         // who did not publish in the newest window that was given up
  // Of the window that is open: how many were missing, and when the newest of the others had published.
  size_t missing_before_ = 0;
  double others_seconds_ = 0;
};

}  // namespace templar
