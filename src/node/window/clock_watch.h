// Whether a node's clock, its store's and the ledger's say the same time. Contributions are judged by the
// stores' times against the ledger's: who is off by more than a put window is refused, or refuses,
// everything. docs/decisions/0030-three-clocks.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "ports/ledger.h"

namespace templar {

// By how much they are ahead of the node's clock; nullopt: not known.
struct ClockReadings {
  std::optional<int64_t> ledger_ahead_ms;
  std::optional<int64_t> store_ahead_ms;
};

struct ClockFault {
  enum class Whose { kNode, kStore, kLedger, kUnknown };
  Whose whose = Whose::kUnknown;
  std::string reason;  // a sentence for people: which clock, by how much, and what should be done
};

// The one that differs from both others; kUnknown where none agrees with another, or only two are known.
// nullopt where all that are known agree.
[[nodiscard]] std::optional<ClockFault> clock_fault(const ClockReadings& readings);

// A node's readings. Not thread-safe.
class ClockWatch {
 public:
  // How far two clocks may be apart.
  static constexpr int64_t kToleranceMs = 30'000;

  // clock: the node's, which must outlive it; nullptr: the ledger's time is not that of clocks, and there is
  // nothing to compare.
  ClockWatch(const Clock* clock, int64_t block_seconds)
      : clock_(clock), longest_gap_ms_(2 * block_seconds * 1000) {}

  // The newest block, at each look. It tells the ledger's time if it is new, and the look before was not long
  // ago: so it was made in between.
  void see_block(const Block& latest);
  // The node's own time before a put; 0 without a clock.
  [[nodiscard]] TimestampMs now_ms() const { return clock_ == nullptr ? 0 : clock_->now_ms(); }
  // What the store says of an object that was put just now: the put began then, by the node's clock.
  void see_put(TimestampMs stored_at_ms, TimestampMs began_ms);

  // As clock_fault. Of a node that puts, only once both others are known anew after a jump.
  [[nodiscard]] std::optional<ClockFault> fault() const;
  // Whether there is something to compare: without, no fault says nothing.
  [[nodiscard]] bool knows() const;

 private:
  struct Look {
    int64_t block = 0;
    TimestampMs at_ms = 0;
  };

  const Clock* const clock_;
  const int64_t longest_gap_ms_;
  std::optional<Look> last_;
  ClockReadings readings_;
  bool puts_ = false;
};

}  // namespace templar
