#include "ports/ledger_clock.h"

#include <algorithm>

namespace templar {

TimestampMs LedgerClock::now_ms() const {
  const auto latest = ledger_.latest_block();
  TimestampMs known = latest_ms_.load();
  if (!latest || !*latest) return known;
  // Another thread may have seen a later block in between.
  while ((*latest)->time_ms > known && !latest_ms_.compare_exchange_weak(known, (*latest)->time_ms)) {
  }
  return std::max(known, (*latest)->time_ms);
}

}  // namespace templar
