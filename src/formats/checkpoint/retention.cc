#include "formats/checkpoint/retention.h"

#include <algorithm>
#include <map>
#include <string>

#include "base/check.h"
#include "core/protocol/object_keys.h"
#include "formats/checkpoint/checkpoint.h"

namespace templar {
namespace {

Status remove_checkpoint(ObjectStore& store, std::string_view bucket, int64_t window,
                         const std::vector<std::string>& keys) {
  TRY(store.remove(bucket, checkpoint_manifest_key(window)));
  for (const std::string& key : keys) {
    if (key != checkpoint_manifest_key(window)) TRY(store.remove(bucket, key));
  }
  return {};
}

}  // namespace

std::vector<int64_t> expired_checkpoints(std::vector<int64_t> windows, const CheckpointRetention& retention) {
  CHECK(retention.keep_last >= 1 && retention.keep_every >= 0);
  std::ranges::sort(windows);
  const size_t kept = std::min<size_t>(windows.size(), retention.keep_last);
  windows.resize(windows.size() - kept);
  if (retention.keep_every > 0)
    std::erase_if(windows, [&](int64_t window) { return window % retention.keep_every == 0; });
  return windows;
}

Status remove_expired_checkpoints(ObjectStore& store, std::string_view bucket,
                                  const CheckpointRetention& retention) {
  TRY_ASSIGN(const std::vector<ObjectInfo> objects, store.list(bucket, kCheckpointsPrefix));
  std::map<int64_t, std::vector<std::string>> keys_of;
  for (const ObjectInfo& object : objects) {
    if (const auto window = window_in_key(kCheckpointsPrefix, object.key))
      keys_of[*window].push_back(object.key);
  }
  std::vector<int64_t> complete;
  for (const auto& [window, keys] : keys_of) {
    if (std::ranges::find(keys, checkpoint_manifest_key(window)) != keys.end()) complete.push_back(window);
  }
  if (complete.empty()) return {};
  const std::vector<int64_t> expired = expired_checkpoints(complete, retention);
  for (const auto& [window, keys] : keys_of) {
    const bool left_over = window < complete.back() && !std::ranges::binary_search(complete, window);
    if (left_over || std::ranges::binary_search(expired, window))
      TRY(remove_checkpoint(store, bucket, window, keys));
  }
  return {};
}

}  // namespace templar
