// Runs all nodes of a network in one process, on a clock that moves when nobody has anything left to do: as
// fast as the machine, and the same run for the same seed, whatever the number of threads.
#pragma once

#include <cstdint>
#include <functional>
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

struct VirtualNetworkOptions {
  int threads = 1;  // nodes that work at once
  int64_t block_seconds = 12;
  TimestampMs genesis_ms = 0;         // time of block 0, where the ledger is empty
  std::function<void()> on_block;     // after each block, while no node works; may be empty
  std::function<bool()> should_stop;  // asked between two steps of a node; may be empty
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
  // is due is waited for. Fails as the first node that fails for
  // good: at once if its error is not a retry, else after kMaxRetries in a row, each a block later.
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
  BackOff block_back_off_ GUARDED_BY(mutex_){
      {.first_pause = std::chrono::milliseconds(10), .longest_pause = std::chrono::milliseconds(1000)}};
  bool done_ GUARDED_BY(mutex_) = false;
  Status outcome_ GUARDED_BY(mutex_);
};

}  // namespace templar
