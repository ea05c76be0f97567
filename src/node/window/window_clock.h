// The ledger's time as windows: which one it is, and what has closed.
#pragma once

#include <cstdint>
#include <optional>

#include "base/hash.h"
#include "base/result.h"
#include "core/run/window_plan.h"
#include "ports/ledger.h"

namespace templar {

// Every call asks the ledger, and fails (retry) where it was away.
class WindowClock {
 public:
  WindowClock(const LedgerReader& ledger, const NetworkSpec& network) : ledger_(ledger), network_(network) {}

  // nullopt before the first block.
  [[nodiscard]] Result<std::optional<int64_t>> current_window() const;
  // When the window's contributions must be stored; nullopt before the next window's first block.
  [[nodiscard]] Result<std::optional<PutWindow>> put_window_of(int64_t window) const;
  // Whether nobody can store a contribution to the window any more: where uploads are sealed, from then on
  // their keys may be known.
  [[nodiscard]] Result<bool> uploads_have_ended(int64_t window) const;
  // The newest window whose put window is over; -1 if there is none.
  [[nodiscard]] Result<int64_t> newest_closed_window() const;
  // Whether the put window has been over for at least that long.
  [[nodiscard]] Result<bool> is_closed(int64_t window, int64_t since_seconds = 0) const;
  // The hash of the window's first block. Fails (retry) before it is made.
  [[nodiscard]] Result<Hash256> block_hash(int64_t window) const;

 private:
  const LedgerReader& ledger_;
  const NetworkSpec network_;
};

}  // namespace templar
