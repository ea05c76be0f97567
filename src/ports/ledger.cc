#include "ports/ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "ports/object_store.h"
#include "ports/store_address.h"

namespace templar {

Hash256 local_block_hash(uint64_t seed, int64_t number) {
  return Blake2b()
      .update(as_bytes("templar local block"))
      .update_value(seed)
      .update_value(number)
      .finish256();
}

Status check_weights(const std::vector<WeightEntry>& weights) {
  std::set<uint32_t> seen;
  for (const WeightEntry& entry : weights) {
    if (!std::isfinite(entry.weight) || entry.weight < 0) {
      return fatal_error(
          fmt::format("weight {} of uid {}: not a finite number >= 0", entry.weight, entry.uid));
    }
    if (!seen.insert(entry.uid).second) return fatal_error(fmt::format("uid {} has two weights", entry.uid));
  }
  return {};
}

Result<uint32_t> assign_uid(const std::vector<Registration>& registered, const Registration& wanted) {
  TRY(check_bucket_name(wanted.bucket));
  if (!wanted.store.empty()) {
    TRY_ASSIGN(const StoreAddress store, parse_store_address(wanted.store));
    if (!std::holds_alternative<S3Address>(store))
      return fatal_error(
          fmt::format("store of {}: a folder is no place that others can read", wanted.bucket));
  }
  if (!std::isfinite(wanted.stake) || wanted.stake < 0) {
    return fatal_error(fmt::format("stake {} of {}: not a finite number >= 0", wanted.stake, wanted.bucket));
  }
  uint32_t lowest_free = 0;
  std::optional<uint32_t> own;
  for (const Registration& other : registered) {
    if (other.uid == lowest_free) ++lowest_free;
    if (other.key == wanted.key) {
      own = other.uid;
    } else if (other.bucket == wanted.bucket) {
      return fatal_error(
          fmt::format("bucket {} belongs to uid {}, which has another key", wanted.bucket, other.uid));
    }
  }
  return own.value_or(lowest_free);
}

Status check_is_validator(const std::vector<Registration>& registered, uint32_t uid) {
  const auto found = std::ranges::find(registered, uid, &Registration::uid);
  if (found == registered.end() || found->role != NodeRole::kValidator) {
    return fatal_error(fmt::format("uid {} is no validator and can't set weights", uid));
  }
  return {};
}

Status check_block_time(const std::optional<Block>& latest, TimestampMs time_ms) {
  if (!latest || time_ms >= latest->time_ms) return {};
  return fatal_error(fmt::format("block {} at {} ms would be before block {} at {} ms", latest->number + 1,
                                 time_ms, latest->number, latest->time_ms));
}

Result<std::optional<Block>> MemoryLedger::latest_block() const {
  const MutexLock lock(mutex_);
  if (blocks_.empty()) return std::nullopt;
  return blocks_.back();
}

Result<std::optional<Block>> MemoryLedger::block(int64_t number) const {
  const MutexLock lock(mutex_);
  if (number < 0 || number >= static_cast<int64_t>(blocks_.size())) return std::nullopt;
  return blocks_[static_cast<size_t>(number)];
}

Result<std::vector<Registration>> MemoryLedger::registrations() const {
  const MutexLock lock(mutex_);
  return registrations_;
}

Result<std::vector<WeightEntry>> MemoryLedger::weights(uint32_t validator_uid) const {
  const MutexLock lock(mutex_);
  const auto found = weights_.find(validator_uid);
  return found == weights_.end() ? std::vector<WeightEntry>() : found->second;
}

Result<uint32_t> MemoryLedger::register_node(const Registration& wanted) {
  const MutexLock lock(mutex_);
  TRY_ASSIGN(const uint32_t uid, assign_uid(registrations_, wanted));
  Registration accepted = wanted;
  accepted.uid = uid;
  const auto place = std::ranges::lower_bound(registrations_, uid, {}, &Registration::uid);
  if (place != registrations_.end() && place->uid == uid) {
    *place = std::move(accepted);
  } else {
    registrations_.insert(place, std::move(accepted));
  }
  return uid;
}

Status MemoryLedger::set_weights(uint32_t validator_uid, const std::vector<WeightEntry>& weights) {
  TRY(check_weights(weights));
  const MutexLock lock(mutex_);
  TRY(check_is_validator(registrations_, validator_uid));
  std::vector<WeightEntry> sorted = weights;
  std::ranges::sort(sorted, {}, &WeightEntry::uid);
  weights_[validator_uid] = std::move(sorted);
  return {};
}

Result<Block> MemoryLedger::make_block(TimestampMs time_ms) {
  const MutexLock lock(mutex_);
  TRY(check_block_time(blocks_.empty() ? std::nullopt : std::optional(blocks_.back()), time_ms));
  const auto number = static_cast<int64_t>(blocks_.size());
  blocks_.push_back({number, time_ms, local_block_hash(seed_, number)});
  return blocks_.back();
}

}  // namespace templar
