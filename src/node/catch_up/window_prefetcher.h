// Reads ahead while a node catches up: the leader's records, one window after the other, and the
// contributions that they name.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/threads/mutex.h"
#include "node/window/gather.h"
#include "node/window/records.h"

namespace templar {

// How many windows are fetched ahead of the one that next() returns. Contributions lie in scratch files, so
// this is mainly disk.
struct PrefetchLimits {
  int64_t windows = 4;                    // that are fetched and not taken yet
  int64_t size_bytes = int64_t{1} << 30;  // of contributions in them: at that size no further window is begun
};

struct FetchedWindow {
  int64_t window = 0;
  // nullopt: it is missing or unusable, although the leader has published later ones.
  std::optional<AggregateRecord> record;
  std::string problem;               // why there is no record; empty if there is one
  NamedContributions contributions;  // those that the record names, parsed
};

// Fetches on a thread of its own, one window after the other, so what it gives does not depend on timing.
// next() may be called by one thread only.
class WindowPrefetcher {
 public:
  // The environment must outlive it. until_window, if given, is the first window that is not fetched.
  WindowPrefetcher(const NodeEnvironment& environment, const Registration& leader, int64_t first_window,
                   std::optional<int64_t> until_window, const PrefetchLimits& limits);
  // Drops what has been fetched; the read that is going on is given up.
  ~WindowPrefetcher();
  WindowPrefetcher(const WindowPrefetcher&) = delete;
  WindowPrefetcher& operator=(const WindowPrefetcher&) = delete;

  [[nodiscard]] const PublicKey& leader() const { return leader_.key; }

  // The next window; waits until it is fetched. nullopt once the leader has published neither a usable record
  // of it nor one of a later window. Fails (retry) where the store or the ledger was away; all windows before
  // have been given then. After nullopt or an error every further call returns nullopt.
  [[nodiscard]] Result<std::optional<FetchedWindow>> next();

 private:
  using Item = Result<std::optional<FetchedWindow>>;

  void work(int64_t first_window);
  [[nodiscard]] Item fetch(int64_t window);
  [[nodiscard]] Result<bool> has_later_record(int64_t window);
  [[nodiscard]] bool wait_for_room();
  void add(Item item);

  const NodeEnvironment& environment_;
  const Registration leader_;
  const std::optional<int64_t> until_window_;
  const PrefetchLimits limits_;
  std::optional<int64_t> newest_record_;  // when last listed; used by the thread alone

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
