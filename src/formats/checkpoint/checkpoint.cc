#include "formats/checkpoint/checkpoint.h"

#include <algorithm>

#include "base/log/log.h"
#include "core/protocol/object_keys.h"
#include "formats/checkpoint/checkpoint_contents.h"
#include "formats/checkpoint/checkpoint_files.h"
#include "formats/checkpoint/checkpoint_loader.h"
#include "formats/checkpoint/manifest.h"

namespace templar {
namespace {

constexpr uint64_t kMaxPointerBytes = 200;

std::optional<int64_t> window_of_manifest(std::string_view key) {
  const auto window = window_in_key(kCheckpointsPrefix, key);
  if (!window || key != checkpoint_manifest_key(*window)) return std::nullopt;
  return window;
}

}  // namespace

std::string checkpoint_manifest_key(int64_t window) {
  return checkpoint_prefix(window) + std::string(kManifestName);
}

Status publish_checkpoint(ObjectStore& store, std::string_view bucket, const CheckpointContents& contents,
                          const KeyPair& key, ThreadTeam& team) {
  const int64_t window = contents.info.window;
  const auto put = [&, prefix = checkpoint_prefix(window)](std::string_view name, uint64_t size_bytes,
                                                           const ContentWriter& write) {
    return store.put_pieces(bucket, prefix + std::string(name), size_bytes, write);
  };
  TRY_ASSIGN(CheckpointManifest manifest, put_contents(contents, team.threads(), put));
  const std::string text = seal_manifest(std::move(manifest), key);
  if (text.size() > kMaxManifestBytes)
    return fatal_error("checkpoint: a model of this size needs a manifest that no reader takes");
  TRY(store.put(bucket, checkpoint_manifest_key(window), as_bytes(text)));
  return store.put(bucket, kLatestCheckpointKey, as_bytes(checkpoint_manifest_key(window) + "\n"));
}

Result<std::vector<int64_t>> list_checkpoints(const ObjectReader& store, std::string_view bucket) {
  TRY_ASSIGN(const std::vector<ObjectInfo> objects, store.list(bucket, kCheckpointsPrefix));
  std::vector<int64_t> windows;
  for (const ObjectInfo& object : objects) {
    if (const auto window = window_of_manifest(object.key)) windows.push_back(*window);
  }
  std::ranges::sort(windows);
  return windows;
}

Result<CheckpointInfo> load_checkpoint(const ObjectReader& store, std::string_view bucket, int64_t window,
                                       const ExpectedCheckpoint& expected, ParameterSpans parameters,
                                       ThreadTeam& team) {
  return load_checkpoint_files(checkpoint_in_store(store, bucket, window), window, expected, parameters,
                               team);
}

Result<std::optional<int64_t>> latest_checkpoint(const ObjectReader& store, std::string_view bucket) {
  const auto content = store.get(bucket, kLatestCheckpointKey, kMaxPointerBytes);
  if (!content && content.error().kind == ErrorKind::kSkip) return std::nullopt;
  if (!content) return std::unexpected(content.error());
  std::string_view text = as_text(*content);
  if (text.ends_with('\n')) text.remove_suffix(1);
  const auto window = window_of_manifest(text);
  if (!window)
    log(LogLevel::kWarning, "checkpoint", "the pointer to the latest names none", {{"bucket", bucket}});
  return window;
}

}  // namespace templar
