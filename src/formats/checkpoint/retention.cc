#include "formats/checkpoint/retention.h"

#include <algorithm>
#include <map>
#include <string>

#include "base/check.h"
#include "core/protocol/object_keys.h"
#include "formats/checkpoint/checkpoint.h"

namespace templar {
namespace {

constexpr int64_t kMsAnHour = 3'600'000;

Status remove_checkpoint(ObjectStore& store, std::string_view bucket, int64_t window,
                         const std::vector<std::string>& keys) {
  TRY(store.remove(bucket, checkpoint_manifest_key(window)));
  for (const std::string& key : keys) {
    if (key != checkpoint_manifest_key(window)) TRY(store.remove(bucket, key));
  }
  return {};
}

}  // namespace

std::vector<int64_t> expired_checkpoints(std::vector<StoredCheckpoint> checkpoints,
                                         const CheckpointRetention& retention) {
  CHECK(retention.keep_last >= 1 && retention.keep_every >= 0 && retention.keep_hours >= 0);
  if (checkpoints.empty()) return {};
  std::ranges::sort(checkpoints, {}, &StoredCheckpoint::window);
  const TimestampMs newest_ms = checkpoints.back().stored_at_ms;
  const size_t kept = std::min<size_t>(checkpoints.size(), retention.keep_last);
  checkpoints.resize(checkpoints.size() - kept);
  std::vector<int64_t> expired;
  for (const auto& [window, stored_at_ms] : checkpoints) {
    const bool is_nth = retention.keep_every > 0 && window % retention.keep_every == 0;
    const bool is_young =
        retention.keep_hours > 0 && (newest_ms - stored_at_ms) / kMsAnHour < retention.keep_hours;
    if (!is_nth && !is_young) expired.push_back(window);
  }
  return expired;
}

Status remove_expired_checkpoints(ObjectStore& store, std::string_view bucket,
                                  const CheckpointRetention& retention) {
  TRY_ASSIGN(const std::vector<ObjectInfo> objects, store.list(bucket, kCheckpointsPrefix));
  std::map<int64_t, std::vector<std::string>> keys_of;
  std::vector<StoredCheckpoint> complete;
  for (const ObjectInfo& object : objects) {
    const auto window = window_in_key(kCheckpointsPrefix, object.key);
    if (!window) continue;
    keys_of[*window].push_back(object.key);
    if (object.key == checkpoint_manifest_key(*window)) complete.push_back({*window, object.stored_at_ms});
  }
  if (complete.empty()) return {};
  const std::vector<int64_t> expired = expired_checkpoints(complete, retention);
  std::ranges::sort(complete, {}, &StoredCheckpoint::window);
  for (const auto& [window, keys] : keys_of) {
    const bool left_over = window < complete.back().window &&
                           !std::ranges::binary_search(complete, window, {}, &StoredCheckpoint::window);
    if (left_over || std::ranges::binary_search(expired, window))
      TRY(remove_checkpoint(store, bucket, window, keys));
  }
  return {};
}

}  // namespace templar
