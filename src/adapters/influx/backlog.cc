#include "adapters/influx/backlog.h"

#include "base/check.h"

namespace templar {

uint64_t Backlog::push(PackedBatch batch) {
  kept_bytes_ += batch.packed.size();
  kept_points_ += batch.points;
  kept_.push_back(std::move(batch));
  uint64_t gone = spill();
  while (kept_bytes_ > memory_bytes_) {
    gone += kept_.front().points;
    pop_kept();
  }
  return gone;
}

uint64_t Backlog::spill() {
  uint64_t gone = 0;
  disk_failure_.clear();
  // Oldest first, up to the first failure: what is on the disk must be older than what is in memory.
  while (spool_ && !kept_.empty()) {
    const auto pushed = spool_->push(kept_.front());
    if (!pushed) {
      disk_failure_ = pushed.error().message;
      break;
    }
    gone += *pushed;
    pop_kept();
  }
  return gone;
}

Result<PackedBatch> Backlog::front() const {
  CHECK(!empty());
  if (front_is_on_disk()) return spool_->front();
  return kept_.front();
}

uint64_t Backlog::front_points() const {
  CHECK(!empty());
  return front_is_on_disk() ? spool_->front_points() : kept_.front().points;
}

void Backlog::pop() {
  CHECK(!empty());
  if (front_is_on_disk()) {
    spool_->pop();
  } else {
    pop_kept();
  }
}

void Backlog::pop_kept() {
  kept_bytes_ -= kept_.front().packed.size();
  kept_points_ -= kept_.front().points;
  kept_.pop_front();
}

}  // namespace templar
