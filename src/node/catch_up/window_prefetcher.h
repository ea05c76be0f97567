// Reads ahead while a node catches up: the leader's records, one window after the other, and the
// contributions that they name.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "node/window/environment.h"
#include "node/window/gather.h"
#include "node/window/records.h"

namespace templar {

// How far it is ahead of who takes the windows. Contributions lie in scratch files until they are taken, so
// it is mainly disk.
struct PrefetchLimits {
  int64_t windows = 4;  // fetched and not taken yet
  int64_t size_bytes =
      int64_t{1} << 30;  // of contributions in them: from there on no further window is begun
};

struct FetchedWindow {
  int64_t window = 0;
  // nothing: it is missing or unusable, although the leader has published later ones.
  std::optional<AggregateRecord> record;
  std::string problem;               // then why
  NamedContributions contributions;  // that the record names, parsed
};

// Fetches on a thread of its own, in the order of windows, so what it gives does not depend on timing. next()
// is for one caller.
class WindowPrefetcher {
 public:
  // The environment must outlive it. until_window, if given, is not fetched any more.
  WindowPrefetcher(const NodeEnvironment& environment, const Registration& leader, int64_t first_window,
                   std::optional<int64_t> until_window, const PrefetchLimits& limits);
  // Gives up what has been fetched and waits for what is being read.
  ~WindowPrefetcher();
  WindowPrefetcher(const WindowPrefetcher&) = delete;
  WindowPrefetcher& operator=(const WindowPrefetcher&) = delete;

  [[nodiscard]] const PublicKey& leader() const { return leader_.key; }

  // The next window; waits until it is there. Nothing once the leader has published no usable record of it
  // and none of a later one. Fails (retry) where the store or the ledger was away: what came before has been
  // given, and no more comes after.
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
  std::optional<int64_t> newest_record_;  // as last listed; the thread's alone

  Mutex mutex_;
  ConditionVariable changed_;
  // The last one is an end or an error once the thread has nothing left to do.
  std::deque<Item> items_ GUARDED_BY(mutex_);
  int64_t held_bytes_ GUARDED_BY(mutex_) = 0;  // of contributions in items_
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool ended_ GUARDED_BY(mutex_) = false;  // the end or an error has been given
  std::thread thread_;
};

}  // namespace templar
