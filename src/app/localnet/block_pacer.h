// The blocks of a network whose nodes work as fast as they can: a window ends once its contributions are
// there. Their times are the network's own, in which nobody waits for a put window to be over; or, where
// stores stamp objects by real clocks, the machine's.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
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
  // Who holds up a window: the names of those who have not published yet; or of those who have published a
  // sealed upload, and not its key.
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

  // ledger and maker are one ledger's two sides and outlive this, and so does the clock that blocks are
  // stamped by; nullptr: they are block_seconds apart. windows is how many the run has.
  BlockPacer(const LedgerReader& ledger, BlockMaker& maker, const NetworkSpec& network, int64_t windows,
             const Clock* clock = nullptr);
  BlockPacer(const LedgerReader& ledger, BlockMaker& maker, const NetworkSpec& network, int64_t windows,
             const Patience& patience, const Clock* clock = nullptr);

  // Makes the blocks that are due, and fails as the ledger or find_missing does. Due are: the first; all up
  // to the closing of the window before the current one, whose beginning is made already (whoever made it may
  // have ended half-way, and no node goes on before it is closed); and, once nobody is missing in the current
  // window or its time is over, all up to its closing. None after the last window: those that a later call is
  // to train would be over before it. By a clock, one call makes of these only what is due by it; and, while
  // a window is held up, a block every block_seconds, up to the next window's first. Where uploads are sealed
  // and there is no clock, no window is closed before the keys are there that its miners publish once it is
  // over, or its time is over once more: find_keyless names whose are not.
  [[nodiscard]] Status make_due_blocks(const FindMissing& find_missing, const FindMissing& find_keyless = {});

 private:
  // Whether no more blocks are to be made behind the last window.
  [[nodiscard]] Result<bool> is_over();
  // Whether the window is closed now.
  [[nodiscard]] Result<bool> close(int64_t window, const FindMissing& find_keyless);
  [[nodiscard]] bool in_second_of_uploads();
  [[nodiscard]] Result<bool> waits_for_keys(int64_t window, const FindMissing& find_keyless);
  // Nobody waits for more contributions to it.
  [[nodiscard]] Status end(int64_t window);
  [[nodiscard]] Status make_blocks_until_closed(int64_t window);
  // By a clock: one block if that is due.
  [[nodiscard]] Status pass_time(std::optional<int64_t> held_up);
  [[nodiscard]] Status open_window(TimestampMs time_ms);
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
  const WindowClock window_clock_;
  const Clock* const clock_;
  const Stopwatch watch_;
  AttendedTime since_opened_;                      // the newest window that nodes can work in
  std::optional<AttendedTime> since_last_closed_;  // the last window of the run, while nobody has decided it
  std::deque<double> window_seconds_;              // of the newest windows that all published in
  int64_t named_window_ = -1;                      // the newest that those who are missing were named in
  std::set<std::string> late_;  // who did not publish in the newest window that was given up
  // Of the window that is open: how many were missing, and when the newest of the others had published.
  size_t missing_before_ = 0;
  double others_seconds_ = 0;
  std::optional<TimestampMs>
      all_published_ms_;  // by the clock, when nobody was missing in it for the first time
};

}  // namespace templar
