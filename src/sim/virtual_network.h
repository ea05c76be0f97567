// Runs all nodes of a network in one process, on a clock that moves when nobody has anything left to do: as
// fast as the machine, and the same run for the same seed, whatever the number of threads.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/back_off.h"
#include "base/result.h"
#include "base/threads/mutex.h"
#include "node/window/environment.h"
#include "ports/ledger.h"

namespace templar {

struct DrivenNode {
  std::string name;
  // As the nodes' own advance(). Called by one thread at a time.
  std::function<Result<Progress>()> advance;
};

// How long a network waits for what is away, by the machine's clock.
struct OutagePauses {
  std::chrono::milliseconds first{100};
  std::chrono::milliseconds longest{2000};
  std::chrono::milliseconds between_warnings{5000};
};

struct VirtualNetworkOptions {
  int threads = 1;  // nodes that work at once
  int64_t block_seconds = 12;
  TimestampMs genesis_ms = 0;         // time of block 0, where the ledger is empty
  std::function<void()> on_block;     // after each block, while no node works; may be empty
  std::function<bool()> should_stop;  // asked between two steps of a node, and while it waits; may be empty
  // Where there are pauses, what is away is waited for as long as it takes: no block is made meanwhile, so
  // the network's time stands still and nobody misses anything. Without them a node whose store or ledger is
  // away tries again with the next block, kMaxRetries times in a row.
  std::optional<OutagePauses> outage_pauses;
};

class VirtualNetwork {
 public:
  // Both must be the same ledger and outlive it.
  VirtualNetwork(BlockMaker& blocks, const LedgerReader& ledger, VirtualNetworkOptions options)
      : blocks_(blocks), ledger_(ledger), options_(std::move(options)) {}

  void add(DrivenNode node) {
    const MutexLock lock(mutex_);
    nodes_.push_back({.node = std::move(node)});
  }

  // Returns when all nodes have finished, or should_stop said so. A ledger that is away (retry) when a block
  // is due is waited for. Fails as the first node that fails for good: with an error that is not a retry, or
  // as the options say with one that is.
  [[nodiscard]] Status run();

  static constexpr int kMaxRetries = 100;

 private:
  enum class State { kReady, kWaiting, kRetrying, kRunning, kFinished };
  struct Slot {
    DrivenNode node;
    State state = State::kReady;
    BackOff back_off{{.most_retries = kMaxRetries}};  // its pause is a block
  };

  void work();
  [[nodiscard]] Slot* next_ready() REQUIRES(mutex_);
  void settle(Slot& slot, const Result<Progress>& result, uint64_t round_at_start) REQUIRES(mutex_);
  void wake(State sleeping) REQUIRES(mutex_);
  void make_next_block() REQUIRES(mutex_);
  // A node or the maker of blocks could not do its work; who and why go to the log, now and then.
  void say_outage(const std::string& who, const Error& reason) REQUIRES(mutex_);
  void wait_out() REQUIRES(mutex_);
  void end_outage_if_over() REQUIRES(mutex_);
  [[nodiscard]] bool has(State state) const REQUIRES(mutex_);
  [[nodiscard]] bool all_finished() const REQUIRES(mutex_);

  BlockMaker& blocks_;
  const LedgerReader& ledger_;
  const VirtualNetworkOptions options_;
  Mutex mutex_;
  ConditionVariable changed_;
  std::vector<Slot> nodes_ GUARDED_BY(mutex_);
  size_t next_ GUARDED_BY(mutex_) = 0;  // where next_ready() looks first
  int running_ GUARDED_BY(mutex_) = 0;
  uint64_t round_ GUARDED_BY(mutex_) = 0;  // counts what may have given waiting nodes something to do
  // While something that may pass is waited for.
  struct Outage {
    BackOff back_off;
    std::chrono::milliseconds waited{0};
    std::chrono::milliseconds next_warning{0};
    bool is_waiting = false;  // one of the threads does
  };
  std::optional<Outage> outage_ GUARDED_BY(mutex_);
  bool block_is_due_ GUARDED_BY(mutex_) = false;  // could not be made
  bool done_ GUARDED_BY(mutex_) = false;
  Status outcome_ GUARDED_BY(mutex_);
};

}  // namespace templar
