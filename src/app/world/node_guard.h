// Looks, beside a node's own work, at what the node itself does not see while it trains or waits: whether
// blocks come, and whether its disks have room.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "node/window/alarms.h"

namespace templar {

struct GuardOptions {
  // Blocks come by the wall clock: one every network.block_seconds. false: their times say nothing of it.
  bool wall_time = true;
  std::vector<std::filesystem::path> folders;  // where the node writes; those that are not there count not
  int64_t least_free_bytes = 0;                // below it a disk is nearly full
};

// What a node of that run needs free on its disks to save itself and a checkpoint.
[[nodiscard]] int64_t least_free_bytes(const NodeEnvironment& environment);

// One node's. Raises and ends the alarms no_blocks and disk_low. Not thread-safe.
class NodeGuard {
 public:
  // So many blocks are due in vain before it is an alarm, and at least so long: the first validator that may
  // take over the time does so before.
  static constexpr int64_t kMissedBlocks = 5;
  static constexpr int64_t kLeastPatienceMs = 10'000;

  // steady: a clock that never jumps. All references must outlive it.
  NodeGuard(const NodeEnvironment& environment, NodeName name, GuardOptions options, const Clock& steady)
      : environment_(environment),
        options_(std::move(options)),
        steady_(steady),
        alarms_(environment, name) {}

  // One look; to be called about every second.
  void look();

 private:
  struct Seen {
    int64_t block = -1;      // -1: none
    int64_t at_ms = 0;       // by the steady clock
    bool is_missed = false;  // the one after it: that has been said
  };

  void look_at_blocks();
  void judge_patience(int64_t now_ms);
  void look_at_disks();
  [[nodiscard]] std::string who_makes_blocks() const;
  [[nodiscard]] int64_t patience_ms() const;
  [[nodiscard]] int64_t window() const;

  const NodeEnvironment& environment_;
  const GuardOptions options_;
  const Clock& steady_;
  Alarms alarms_;
  std::optional<int64_t> revision_;  // of the ledger when it was read last; nullopt: it could not be
  std::optional<Seen> seen_;         // the newest block, and since when it has been that
  std::optional<int64_t> unreadable_since_ms_;
};

// On a thread of its own, from its making to its end.
class GuardThread {
 public:
  // The environment must outlive it.
  GuardThread(const NodeEnvironment& environment, const NodeName& name, GuardOptions options);
  ~GuardThread();
  GuardThread(const GuardThread&) = delete;
  GuardThread& operator=(const GuardThread&) = delete;

 private:
  const SteadyClock steady_;
  NodeGuard guard_;
  std::jthread thread_;
};

}  // namespace templar
