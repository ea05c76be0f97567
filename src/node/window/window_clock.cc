#include "node/window/window_clock.h"

#include <fmt/format.h>

namespace templar {

Result<std::optional<int64_t>> WindowClock::current_window() const {
  TRY_ASSIGN(const std::optional<Block> latest, ledger_.latest_block());
  if (!latest) return std::nullopt;
  return window_of_block(network_, latest->number);
}

Result<std::optional<PutWindow>> WindowClock::put_window_of(int64_t window) const {
  TRY_ASSIGN(const std::optional<Block> first, ledger_.block(first_block_of_window(network_, window)));
  TRY_ASSIGN(const std::optional<Block> next, ledger_.block(first_block_of_window(network_, window + 1)));
  if (!first || !next) return std::nullopt;
  return put_window(network_, first->time_ms, next->time_ms);
}

Result<bool> WindowClock::is_closed(int64_t window, int64_t since_seconds) const {
  TRY_ASSIGN(const std::optional<PutWindow> times, put_window_of(window));
  if (!times) return false;
  TRY_ASSIGN(const std::optional<Block> latest, ledger_.latest_block());
  return latest && latest->time_ms >= times->closes_ms + since_seconds * 1000;
}

Result<bool> WindowClock::uploads_have_ended(int64_t window) const {
  TRY_ASSIGN(const std::optional<PutWindow> times, put_window_of(window));
  if (!times) return false;
  TRY_ASSIGN(const std::optional<Block> latest, ledger_.latest_block());
  return latest && latest->time_ms >= times->uploads_end_ms;
}

Result<int64_t> WindowClock::newest_closed_window() const {
  TRY_ASSIGN(const std::optional<int64_t> current, current_window());
  if (!current) return -1;
  // A put window reaches into the windows after it, however long it is.
  for (int64_t window = *current - 1; window >= 0; --window) {
    TRY_ASSIGN(const bool closed, is_closed(window));
    if (closed) return window;
  }
  return -1;
}

Result<Hash256> WindowClock::block_hash(int64_t window) const {
  const int64_t number = first_block_of_window(network_, window);
  TRY_ASSIGN(const std::optional<Block> first, ledger_.block(number));
  if (!first)
    return retry_error(
        fmt::format("ledger: block {}, the first of window {}, is not made yet", number, window));
  return first->hash;
}

}  // namespace templar
