// Reads ahead while a node catches up: what the decided windows name, one window after the other.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/threads/mutex.h"
#include "node/window/decide.h"

namespace templar {

// How many windows are fetched ahead of the one that next() returns. Contributions lie in scratch files, so
// this is mainly disk.
struct PrefetchLimits {
  // That are fetched and not taken yet. 0: nothing is read ahead; next() fetches, on its caller's thread.
  int64_t windows = 4;
  int64_t size_bytes = int64_t{1} << 30;  // of contributions in them: at that size no further window is begun
};

struct FetchedWindow {
  int64_t window = 0;
  std::variant<Missing, DecidedWindow> outcome;
};

// Fetches on a thread of its own (or see PrefetchLimits), one window after the other, so what it gives does
// not depend on timing. next() may be called by one thread only.
class WindowPrefetcher {
 public:
  // The environment must outlive it. view: which terms are in force. until_window, if given, is the first
  // window that is not fetched. waits_for_stores: see DecideOptions.
  WindowPrefetcher(const NodeEnvironment& environment, ChainView view, int64_t first_window,
                   std::optional<int64_t> until_window, const PrefetchLimits& limits,
                   bool waits_for_stores = true);
  // Drops what has been fetched; the read that is going on is given up.
  ~WindowPrefetcher();
  WindowPrefetcher(const WindowPrefetcher&) = delete;
  WindowPrefetcher& operator=(const WindowPrefetcher&) = delete;

  // By which it fetches.
  [[nodiscard]] const std::vector<Term>& chain() const { return view_.chain; }

  // The next window; waits until it is fetched. nullopt once there is one that is not decided. Fails (retry)
  // where the store or the ledger was away; all windows before have been given then. After nullopt or an
  // error every further call returns nullopt.
  [[nodiscard]] Result<std::optional<FetchedWindow>> next();

 private:
  using Item = Result<std::optional<FetchedWindow>>;

  [[nodiscard]] Item fetch_next();
  void work(int64_t first_window);
  [[nodiscard]] Item fetch(int64_t window);
  [[nodiscard]] bool wait_for_room();
  void add(Item item);

  const NodeEnvironment& environment_;
  const ChainView view_;
  const std::optional<int64_t> until_window_;
  const PrefetchLimits limits_;
  const bool waits_for_stores_;
  int64_t next_window_;  // where nothing is read ahead

  Mutex mutex_;
  ConditionVariable changed_;
  // When the thread has ended, the last item is nullopt (nothing follows) or an error.
  std::deque<Item> items_ GUARDED_BY(mutex_);
  int64_t held_bytes_ GUARDED_BY(mutex_) = 0;  // of contributions in items_
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool ended_ GUARDED_BY(mutex_) = false;  // the end or an error has been given
  std::stop_source stop_reading_;
  std::thread thread_;
};

}  // namespace templar
