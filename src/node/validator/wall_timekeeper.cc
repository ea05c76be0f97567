#include "node/validator/wall_timekeeper.h"

#include <algorithm>
#include <cstdlib>

#include "base/log/log.h"
#include "ports/roster.h"

namespace templar {

Result<bool> WallTimekeeper::may_begin() const {
  if (self_.hex() == network_.owner) return true;
  TRY_ASSIGN(const std::vector<Registration> roster, ledger_.registrations());
  const auto node = std::ranges::find(roster, self_, &Registration::key);
  return node != roster.end() && node->is_founder && !node->is_removed;
}

Result<int64_t> WallTimekeeper::rank() const {
  TRY_ASSIGN(const std::vector<Registration> roster, ledger_.registrations());
  int64_t rank = 0;
  const std::vector<Registration> validators = validators_by_stake(roster);
  for (const Registration& validator : validators) {
    if (validator.key == self_) break;
    if (!validator.is_removed && validator.stake > 0) ++rank;
  }
  return rank;
}

Result<int64_t> WallTimekeeper::advance() {
  const int64_t now_ms = steady_.now_ms();
  TRY_ASSIGN(const std::optional<Block> latest, ledger_.latest_block());
  if (!latest) {
    TRY_ASSIGN(const bool begins, may_begin());
    if (!begins) return block_ms();
    TRY_ASSIGN(const Block first, timekeeper_.make_block(wall_.now_ms()));
    seen_ = {first, now_ms};
    believes_wall_ = false;
    return block_ms();
  }
  if (!seen_ || seen_->block.number != latest->number) seen_ = {*latest, now_ms};
  TRY_ASSIGN(const bool keeps, timekeeper_.keeps_time());
  if (!keeps) {
    believes_wall_ = true;
    TRY_ASSIGN(const int64_t before, rank());
    const int64_t patience_ms = (before + 1) * kMissedBlocks * block_ms();
    const int64_t waited_ms = now_ms - seen_->at_ms;
    if (waited_ms < patience_ms) return std::min(patience_ms - waited_ms, block_ms());
    TRY_ASSIGN(const bool taken, timekeeper_.take_over());
    if (!taken) return block_ms();
    log(LogLevel::kWarning, "timekeeper", "no block was made: this node keeps the time from now on",
        {{"newest_block", latest->number}, {"waited_seconds", static_cast<double>(waited_ms) / 1000}});
  }
  const int64_t since_ms = now_ms - seen_->at_ms;
  // After a restart the newest block may have been made long before it was seen.
  const bool is_overdue = believes_wall_ && wall_.now_ms() >= latest->time_ms + block_ms();
  if (since_ms < block_ms() && !is_overdue) return block_ms() - since_ms;
  TRY_ASSIGN(const Block made, timekeeper_.make_block(next_time(now_ms)));
  seen_ = {made, now_ms};
  believes_wall_ = false;
  return block_ms();
}

TimestampMs WallTimekeeper::next_time(int64_t now_ms) {
  const int64_t since_ms = now_ms - seen_->at_ms;
  const TimestampMs expected_ms = seen_->block.time_ms + std::max(since_ms, block_ms());
  const int64_t ahead_ms = wall_.now_ms() - expected_ms;
  if (std::abs(ahead_ms) <= kToleranceMs) {
    said_jump_ = said_setting_ = false;
    return expected_ms + std::clamp(ahead_ms, -block_ms() / 10, block_ms() / 10);
  }
  if (wall_is_right(ahead_ms)) {
    if (store_time_ && !said_setting_) {
      log(LogLevel::kWarning, "timekeeper",
          "the ledger's time is not that of this machine and its store, which agree: it is set by them",
          {{"ahead_seconds", static_cast<double>(-ahead_ms) / 1000}});
    }
    said_setting_ = true;
    return std::max(wall_.now_ms(), seen_->block.time_ms);
  }
  if (!said_jump_) {
    log(LogLevel::kError, "timekeeper",
        "this machine's clock is not the ledger's any more: the ledger's time goes on without it. Set the "
        "clock; a restart believes it again",
        {{"ahead_seconds", static_cast<double>(ahead_ms) / 1000}});
    said_jump_ = true;
  }
  return expected_ms;
}

bool WallTimekeeper::wall_is_right(int64_t ahead_ms) const {
  if (!store_time_) return believes_wall_ && ahead_ms > 0;
  const std::optional<TimestampMs> store_ms = store_time_();
  return store_ms && std::abs(*store_ms - wall_.now_ms()) <= kToleranceMs;
}

}  // namespace templar
