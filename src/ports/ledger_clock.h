// The ledger's time as a clock, so that the store of a local network stamps objects by the same time as the
// deadlines.
#pragma once

#include <atomic>

#include "base/clock.h"
#include "ports/ledger.h"

namespace templar {

// Thread-safe; costs one look at the ledger, which must outlive it.
class LedgerClock final : public Clock {
 public:
  explicit LedgerClock(const LedgerReader& ledger) : ledger_(ledger) {}

  // The latest block's time, 0 before the first. It never goes back: while the ledger can't be asked, it is
  // the last time known.
  [[nodiscard]] TimestampMs now_ms() const override;

 private:
  const LedgerReader& ledger_;
  mutable std::atomic<TimestampMs> latest_ms_{0};
};

}  // namespace templar
