#include "node/catch_up/window_prefetcher.h"

#include <utility>

#include "base/log/log_context.h"
#include "base/threads/cancellation.h"

namespace templar {
namespace {

int64_t size_of(const Result<std::optional<FetchedWindow>>& item) {
  int64_t size_bytes = 0;
  if (!item || !item->has_value()) return size_bytes;
  const auto* decided = std::get_if<DecidedWindow>(&(*item)->outcome);
  if (decided == nullptr) return size_bytes;
  for (const Contribution& contribution : decided->accepted) size_bytes += contribution.size_bytes();
  return size_bytes;
}

bool is_last(const Result<std::optional<FetchedWindow>>& item) {
  return !item || !item->has_value();
}

}  // namespace

WindowPrefetcher::WindowPrefetcher(const NodeEnvironment& environment, ChainView view, int64_t first_window,
                                   std::optional<int64_t> until_window, const PrefetchLimits& limits,
                                   bool waits_for_stores)
    : environment_(environment),
      view_(std::move(view)),
      until_window_(until_window),
      limits_(limits),
      waits_for_stores_(waits_for_stores),
      next_window_(first_window) {
  if (limits_.windows == 0) return;
  thread_ = std::thread([this, first_window, speaker = current_log_context()] {
    const LogContext scope(speaker);
    const CancellationScope reading(stop_reading_.get_token());
    work(first_window);
  });
}

WindowPrefetcher::~WindowPrefetcher() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  stop_reading_.request_stop();
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<std::optional<FetchedWindow>> WindowPrefetcher::next() {
  if (limits_.windows == 0) return fetch_next();
  MutexLock lock(mutex_);
  if (ended_) return std::nullopt;
  changed_.wait(mutex_, [this]() REQUIRES(mutex_) { return !items_.empty(); });
  Item item = std::move(items_.front());
  items_.pop_front();
  held_bytes_ -= size_of(item);
  ended_ = is_last(item);
  lock.unlock();
  changed_.notify_all();
  return item;
}

WindowPrefetcher::Item WindowPrefetcher::fetch_next() {
  {
    const MutexLock lock(mutex_);
    if (ended_) return std::nullopt;
  }
  Item item = fetch(next_window_++);
  const MutexLock lock(mutex_);
  ended_ = is_last(item);
  return item;
}

void WindowPrefetcher::work(int64_t first_window) {
  for (int64_t window = first_window; wait_for_room(); ++window) {
    Item item = fetch(window);
    const bool last = is_last(item);
    add(std::move(item));
    if (last) return;
  }
}

bool WindowPrefetcher::wait_for_room() {
  MutexLock lock(mutex_);
  changed_.wait(mutex_, [this]() REQUIRES(mutex_) {
    // How large a window is shows only when it has been fetched, so the bound may be passed by one window.
    const bool room =
        static_cast<int64_t>(items_.size()) < limits_.windows && held_bytes_ < limits_.size_bytes;
    return stopping_ || room;
  });
  return !stopping_;
}

void WindowPrefetcher::add(Item item) {
  {
    const MutexLock lock(mutex_);
    held_bytes_ += size_of(item);
    items_.push_back(std::move(item));
  }
  changed_.notify_all();
}

Result<std::optional<FetchedWindow>> WindowPrefetcher::fetch(int64_t window) {
  if (until_window_ && window >= *until_window_) return std::nullopt;
  const DecideOptions options{.waits_for_stores = waits_for_stores_};
  TRY_ASSIGN(FetchedDecision fetched, fetch_decided(environment_, view_, window, options));
  if (!fetched) return std::nullopt;
  return FetchedWindow{window, *std::move(fetched)};
}

}  // namespace templar
