#include "node/checkpoint/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/check.h"
#include "base/log.h"
#include "core/protocol/object_keys.h"
#include "node/checkpoint/checkpoint_contents.h"
#include "node/checkpoint/checkpoint_files.h"
#include "node/checkpoint/manifest.h"
#include "base/scratch_file.h"

namespace templar {
namespace {

constexpr uint64_t kMaxPointerBytes = 200;

std::string manifest_key(int64_t window) {
  return checkpoint_prefix(window) + std::string(kManifestName);
}

std::optional<int64_t> window_of_manifest(std::string_view key) {
  const auto window = window_in_key(kCheckpointsPrefix, key);
  if (!window || key != manifest_key(*window)) return std::nullopt;
  return window;
}

// What the pointer names; nothing if it is missing or names no checkpoint.
Result<std::optional<int64_t>> read_pointer(const ObjectReader& store, std::string_view bucket) {
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

}  // namespace

Status publish_checkpoint(ObjectStore& store, std::string_view bucket, const RunSpec& spec,
                          const CheckpointInfo& info, ConstParameterSpans parameters,
                          std::span<const TokenizerFile> tokenizer, const KeyPair& key) {
  const std::string prefix = checkpoint_prefix(info.window);
  CheckpointManifest manifest = manifest_of(spec, info);
  const auto put = [&](std::string_view name, ByteView content) -> Status {
    TRY(check_checkpoint_file_name(name));
    manifest.files.push_back({std::string(name), content.size(), blake2b_256(content)});
    return store.put(bucket, prefix + std::string(name), content);
  };
  {
    // The store takes whole objects: the model's file is laid out on the disk and mapped, not held in memory.
    TRY_ASSIGN(ScratchFile scratch, ScratchFile::create());
    TRY(write_model(spec, parameters, [&](ByteView piece) { return scratch.append(piece); }));
    TRY_ASSIGN(const ByteView content, scratch.map());
    TRY(put(kModelName, content));
  }
  for (const TokenizerFile& file : small_files(spec, tokenizer)) TRY(put(file.name, file.content));
  TRY(store.put(bucket, manifest_key(info.window), as_bytes(seal_manifest(std::move(manifest), key))));
  return store.put(bucket, kLatestCheckpointKey, as_bytes(manifest_key(info.window) + "\n"));
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

Result<std::optional<CheckpointInfo>> load_newest_checkpoint(const ObjectReader& store,
                                                             std::string_view bucket,
                                                             const ExpectedCheckpoint& expected,
                                                             ParameterSpans parameters, ThreadTeam& team) {
  TRY_ASSIGN(const std::optional<int64_t> pointed, read_pointer(store, bucket));
  const auto try_window = [&](int64_t window) -> Result<std::optional<CheckpointInfo>> {
    auto loaded = load_checkpoint(store, bucket, window, expected, parameters, team);
    if (loaded) return *loaded;
    if (loaded.error().kind != ErrorKind::kSkip) return std::unexpected(std::move(loaded).error());
    log(LogLevel::kWarning, "checkpoint", "skipped",
        {{"window", window}, {"reason", loaded.error().message}});
    return std::nullopt;
  };
  if (pointed) {
    TRY_ASSIGN(const auto loaded, try_window(*pointed));
    if (loaded) return loaded;
  }
  TRY_ASSIGN(std::vector<int64_t> windows, list_checkpoints(store, bucket));
  std::ranges::sort(windows, std::greater());
  for (const int64_t window : windows) {
    if (window == pointed) continue;
    TRY_ASSIGN(const auto loaded, try_window(window));
    if (loaded) return loaded;
  }
  return std::nullopt;
}

}  // namespace templar
