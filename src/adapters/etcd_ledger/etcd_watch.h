// Learns from etcd when something below a prefix is written, without asking again and again.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

#include "adapters/etcd_ledger/etcd_client.h"
#include "base/clock.h"
#include "base/threads/mutex.h"

namespace templar {

struct EtcdWatchOptions {
  // A stream in which nothing was heard for so long is opened anew, at the next server, from where it ended:
  // it may have died without a word. This is all that an idle node asks.
  std::chrono::milliseconds silence{10'000};
  // Between two tries where no stream can be had. The board's revision is asked for with each, so that a wait
  // loses no more than that.
  RetryRule retry{.first_pause = std::chrono::milliseconds(100),
                  .longest_pause = std::chrono::milliseconds(2000)};
};

// A stream of /v3/watch on a thread of its own, which begins with the first wait. What was written while
// there was no stream comes when there is one again; where the server has compacted that, everybody who waits
// is told that something may have changed, and the stream goes on from there. Thread-safe.
class EtcdWatch {
 public:
  // prefix: whole, as etcd has it. Asks as the client's user.
  EtcdWatch(EtcdClientOptions client, std::string prefix, const EtcdWatchOptions& options);
  EtcdWatch(const EtcdWatch&) = delete;
  EtcdWatch& operator=(const EtcdWatch&) = delete;
  ~EtcdWatch();

  // See NoticeBoard::wait_for_change; since is the cluster's revision.
  [[nodiscard]] bool wait(int64_t since, std::chrono::milliseconds at_most);

 private:
  void work(const std::stop_token& stop) EXCLUDES(mutex_);
  // From which revision on changes are to be told: behind the cluster's newest one.
  [[nodiscard]] Result<int64_t> begin_anew() EXCLUDES(mutex_);
  // Tells what a stream says, from `next` on, which moves on with it, until it ends. Returns why; nothing
  // more is known of before where next is 0 then.
  [[nodiscard]] Status follow(int64_t& next) EXCLUDES(mutex_);
  [[nodiscard]] Status take_line(std::string_view line, int64_t& next) EXCLUDES(mutex_);
  [[nodiscard]] bool is_over() const;
  void pause(std::chrono::milliseconds time, const std::stop_token& stop) EXCLUDES(mutex_);

  const std::string prefix_;
  const EtcdWatchOptions options_;
  const SteadyClock clock_;
  std::atomic<int64_t> last_heard_ms_ = 0;
  std::atomic<bool> is_ending_ = false;
  const EtcdClient asking_;
  const EtcdClient streaming_;
  Mutex mutex_;
  ConditionVariable told_;
  int64_t changed_ GUARDED_BY(mutex_) = 0;        // the newest change below the prefix that is known
  int64_t unknown_up_to_ GUARDED_BY(mutex_) = 0;  // of changes up to this revision nothing is known
  std::jthread thread_ GUARDED_BY(mutex_);
};

}  // namespace templar
