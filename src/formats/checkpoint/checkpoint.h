// A checkpoint in a bucket: publishing it, listing and loading. An ordinary Hugging Face directory
// (model.safetensors, config.json, tokenizer files) with run_spec.json and a signed manifest.json, which is
// written last; docs/protocol.md, "Checkpoint".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/keys/keys.h"
#include "base/result.h"
#include "base/threads/thread_team.h"
#include "core/run/parameter_layout.h"
#include "ports/object_store.h"

namespace templar {

struct CheckpointInfo {
  int64_t window = 0;      // the first window that starts from this model
  int64_t outer_step = 0;  // outer steps that made it
  Hash256 state_root;
  int64_t start_window = 0;  // the run's first window
  bool operator==(const CheckpointInfo&) const = default;
};

struct CheckpointContents;

// Puts all files under checkpoint_prefix(info.window), the manifest after the others, then the pointer
// kLatestCheckpointKey. Repeating it for the same window is harmless. Fails as the store does; a reader then
// sees no new checkpoint, or a whole one where only the pointer could not be put.
[[nodiscard]] Status publish_checkpoint(ObjectStore& store, std::string_view bucket,
                                        const CheckpointContents& contents, const KeyPair& key,
                                        ThreadTeam& team);

// The manifest's key in a bucket.
[[nodiscard]] std::string checkpoint_manifest_key(int64_t window);

// What a reader demands of a checkpoint.
struct ExpectedCheckpoint {
  const ParameterLayout& layout;
  Hash256 run_id;
  PublicKey signer;
};

// The windows of all checkpoints in the bucket that have a manifest, ascending.
[[nodiscard]] Result<std::vector<int64_t>> list_checkpoints(const ObjectReader& store,
                                                            std::string_view bucket);

// Loads that checkpoint's parameters and checks signature, run id and every byte (see load_model). Fails
// (skip) with the reason, parameters then undefined; fails (retry) where the store was away.
[[nodiscard]] Result<CheckpointInfo> load_checkpoint(const ObjectReader& store, std::string_view bucket,
                                                     int64_t window, const ExpectedCheckpoint& expected,
                                                     ParameterSpans parameters, ThreadTeam& team);

// The window that the bucket's pointer names; nullopt if there is none or it names no checkpoint. A hint
// only.
[[nodiscard]] Result<std::optional<int64_t>> latest_checkpoint(const ObjectReader& store,
                                                               std::string_view bucket);

}  // namespace templar
