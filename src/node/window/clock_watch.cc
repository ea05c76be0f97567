#include "node/window/clock_watch.h"

#include <fmt/format.h>

#include <cstdlib>

namespace templar {
namespace {

// 0 within the interval.
int64_t distance_from(TimestampMs time_ms, TimestampMs begin_ms, TimestampMs end_ms) {
  if (time_ms < begin_ms) return time_ms - begin_ms;
  return time_ms > end_ms ? time_ms - end_ms : 0;
}

bool is_off(int64_t ahead_ms) {
  return std::abs(ahead_ms) > ClockWatch::kToleranceMs;
}

std::string by_how_much(int64_t ahead_ms) {
  return fmt::format("{} s {}", std::abs(ahead_ms) / 1000, ahead_ms > 0 ? "ahead" : "behind");
}

// Where a reading jumps, the other one is of before the jump.
void read(std::optional<int64_t>& reading, int64_t ahead_ms, std::optional<int64_t>& other) {
  if (reading && is_off(ahead_ms - *reading)) other.reset();
  reading = ahead_ms;
}

ClockFault fault_of_two(const char* other, int64_t ahead_ms) {
  return {ClockFault::Whose::kUnknown,
          fmt::format("{} is {} of this machine's clock: set this machine's clock; if it is right, it is the "
                      "other that is wrong",
                      other, by_how_much(ahead_ms))};
}

}  // namespace

std::optional<ClockFault> clock_fault(const ClockReadings& readings) {
  const auto& [ledger, store] = readings;
  if (!ledger || !store) {
    if (ledger && is_off(*ledger)) return fault_of_two("the ledger's time", *ledger);
    if (store && is_off(*store)) return fault_of_two("the store's clock", *store);
    return std::nullopt;
  }
  if (!is_off(*ledger) && !is_off(*store)) return std::nullopt;
  if (!is_off(*store)) {
    return ClockFault{
        ClockFault::Whose::kLedger,
        fmt::format("the ledger's time is {} of this machine's clock and its store's: contributions come too "
                    "early or too late for everybody, until whoever keeps the time sets its clock",
                    by_how_much(*ledger))};
  }
  if (!is_off(*ledger)) {
    return ClockFault{
        ClockFault::Whose::kStore,
        fmt::format(
            "this node's store's clock is {} of the ledger's time and this machine's: what the node "
            "publishes comes too early or too late; set the clock of the machine that the store runs on",
            by_how_much(*store))};
  }
  if (!is_off(*ledger - *store)) {
    return ClockFault{ClockFault::Whose::kNode,
                      fmt::format("this machine's clock is {} of the ledger's time and its store's: set it",
                                  by_how_much(-*ledger))};
  }
  return ClockFault{
      ClockFault::Whose::kUnknown,
      fmt::format("the ledger's time is {} of this machine's clock, the store's {}: no two agree; "
                  "set this machine's clock",
                  by_how_much(*ledger), by_how_much(*store))};
}

void ClockWatch::see_block(const Block& latest) {
  if (clock_ == nullptr) return;
  const Look now{latest.number, clock_->now_ms()};
  if (last_ && last_->block != latest.number) {
    const int64_t gap_ms = now.at_ms - last_->at_ms;
    // A negative or long one: the node was busy, or its own clock has jumped; the next look tells more.
    if (gap_ms >= 0 && gap_ms <= longest_gap_ms_)
      read(readings_.ledger_ahead_ms, distance_from(latest.time_ms, last_->at_ms, now.at_ms),
           readings_.store_ahead_ms);
  }
  last_ = now;
}

void ClockWatch::see_put(TimestampMs stored_at_ms, TimestampMs began_ms) {
  if (clock_ == nullptr) return;
  const TimestampMs ended_ms = clock_->now_ms();
  puts_ = true;
  if (ended_ms < began_ms) return;
  read(readings_.store_ahead_ms, distance_from(stored_at_ms, began_ms, ended_ms), readings_.ledger_ahead_ms);
}

bool ClockWatch::knows() const {
  return readings_.ledger_ahead_ms && (!puts_ || readings_.store_ahead_ms);
}

std::optional<ClockFault> ClockWatch::fault() const {
  if (puts_ && !knows()) return std::nullopt;
  return clock_fault(readings_);
}

}  // namespace templar
