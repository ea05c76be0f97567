#include "node/catch_up/window_prefetcher.h"

#include "base/back_off.h"
#include "base/log/log_context.h"
#include "base/threads/cancellation.h"

namespace templar {
namespace {

constexpr int kRecordRetries = 2;

int64_t size_of(const Result<std::optional<FetchedWindow>>& item) {
  int64_t size_bytes = 0;
  if (!item || !item->has_value()) return size_bytes;
  for (const Contribution& contribution : (*item)->contributions.found)
    size_bytes += contribution.size_bytes();
  return size_bytes;
}

bool is_last(const Result<std::optional<FetchedWindow>>& item) {
  return !item || !item->has_value();
}

// A record that can't be parsed is read again at once: it may have been written just then.
Result<std::optional<AggregateRecord>> read_whole_record(const NodeEnvironment& environment,
                                                         const Registration& leader, int64_t window) {
  return retry_at_once(kRecordRetries, ErrorKind::kSkip,
                       [&] { return read_record(environment, leader, window); });
}

}  // namespace

WindowPrefetcher::WindowPrefetcher(const NodeEnvironment& environment, const Registration& leader,
                                   int64_t first_window, std::optional<int64_t> until_window,
                                   const PrefetchLimits& limits)
    : environment_(environment),
      leader_(leader),
      until_window_(until_window),
      limits_(limits),
      thread_([this, first_window, speaker = current_log_context()] {
        const LogContext scope(speaker);
        const CancellationScope reading(stop_reading_.get_token());
        work(first_window);
      }) {}

WindowPrefetcher::~WindowPrefetcher() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  stop_reading_.request_stop();
  changed_.notify_all();
  thread_.join();
}

Result<std::optional<FetchedWindow>> WindowPrefetcher::next() {
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

// Whether there is a record of a window after that one.
Result<bool> WindowPrefetcher::has_later_record(int64_t window) {
  // The listing is kept until the walk has come up to its end: far behind, one is enough for many windows.
  if (!newest_record_ || *newest_record_ <= window) {
    TRY_ASSIGN(newest_record_, newest_record_window(environment_, leader_));
  }
  return newest_record_ && *newest_record_ > window;
}

Result<std::optional<FetchedWindow>> WindowPrefetcher::fetch(int64_t window) {
  if (until_window_ && window >= *until_window_) return std::nullopt;
  FetchedWindow fetched{.window = window, .record = std::nullopt, .problem = "", .contributions = {}};
  auto record = read_whole_record(environment_, leader_, window);
  TRY(fail_unless_skip(record));
  if (!record) fetched.problem = record.error().message;
  if (record && !record->has_value()) fetched.problem = "the record is missing";
  if (!fetched.problem.empty()) {
    // Without a later record this one may still come, or be put right: the catch-up ends before it.
    TRY_ASSIGN(const bool passed, has_later_record(window));
    if (!passed) return std::nullopt;
    // The record may have been published between the look at it and the listing of later ones.
    record = read_whole_record(environment_, leader_, window);
    TRY(fail_unless_skip(record));
    if (!record || !record->has_value()) return fetched;
    fetched.problem.clear();
  }
  fetched.record = **std::move(record);
  TRY_ASSIGN(const std::vector<Registration> roster, environment_.ledger.registrations());
  TRY_ASSIGN(fetched.contributions, fetch_named(environment_, *fetched.record, roster, {}));
  return fetched;
}

}  // namespace templar
