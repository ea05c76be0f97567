// What waits for a server: in a folder as long as the disk takes it, else in memory.
#pragma once

#include <deque>
#include <optional>

#include "adapters/influx/spool.h"

namespace templar {

// Bounded in both places; the oldest goes. Not thread-safe.
class Backlog {
 public:
  // Without a spool everything stays in memory.
  Backlog(std::optional<Spool> spool, uint64_t memory_bytes)
      : spool_(std::move(spool)), memory_bytes_(memory_bytes) {}

  // Returns how many points had to go.
  [[nodiscard]] uint64_t push(PackedBatch batch);
  [[nodiscard]] bool empty() const { return kept_.empty() && (!spool_ || spool_->empty()); }
  [[nodiscard]] uint64_t points() const { return kept_points_ + (spool_ ? spool_->points() : 0); }
  // The points of them that no disk holds.
  [[nodiscard]] uint64_t points_in_memory() const { return kept_points_; }

  // The oldest batch; fails (skip) if its file is damaged. Not if empty().
  [[nodiscard]] Result<PackedBatch> front() const;
  [[nodiscard]] uint64_t front_points() const;
  void pop();

  // Why the disk did not take the last batch that was pushed; empty if it did.
  [[nodiscard]] const std::string& disk_failure() const { return disk_failure_; }

 private:
  [[nodiscard]] bool front_is_on_disk() const { return spool_ && !spool_->empty(); }
  void pop_kept();
  [[nodiscard]] uint64_t spill();

  std::optional<Spool> spool_;
  uint64_t memory_bytes_;
  std::deque<PackedBatch> kept_;  // newer than everything in the spool
  uint64_t kept_bytes_ = 0;
  uint64_t kept_points_ = 0;
  std::string disk_failure_;
};

}  // namespace templar
