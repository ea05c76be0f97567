// Checkpoints in the leader's bucket: publishing one, and finding and loading the newest usable one. An
// ordinary Hugging Face directory (model.safetensors, config.json, tokenizer files) with run_spec.json and a
// signed manifest.json, which is written last; docs/protocol.md, "Checkpoint".
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/keys.h"
#include "base/result.h"
#include "base/thread_team.h"
#include "core/protocol/parameter_layout.h"
#include "ports/object_store.h"
#include "ports/tokenizer.h"

namespace templar {

struct CheckpointInfo {
  int64_t window = 0;      // the first window that starts from this model
  int64_t outer_step = 0;  // outer steps that made it
  Hash256 state_root;
  bool operator==(const CheckpointInfo&) const = default;
};

// Puts all files under checkpoint_prefix(info.window), the manifest after the others, then the pointer
// kLatestCheckpointKey. Repeating it for the same window is harmless. Fails as the store does; a reader then
// sees no new checkpoint.
[[nodiscard]] Status publish_checkpoint(ObjectStore& store, std::string_view bucket, const RunSpec& spec,
                                        const CheckpointInfo& info, ConstParameterSpans parameters,
                                        std::span<const TokenizerFile> tokenizer, const KeyPair& key);

// What a reader demands of a checkpoint.
struct ExpectedCheckpoint {
  const RunSpec& spec;
  const ParameterLayout& layout;
  Hash256 run_id;
  PublicKey leader;
};

// The windows of all checkpoints in the bucket that have a manifest, ascending.
[[nodiscard]] Result<std::vector<int64_t>> list_checkpoints(const ObjectReader& store,
                                                            std::string_view bucket);

// Loads that checkpoint's parameters after checking the manifest's signature, run id, every hash and the
// state root. Fails (skip) with the reason, parameters then undefined; fails (retry) where the store was
// away.
[[nodiscard]] Result<CheckpointInfo> load_checkpoint(const ObjectReader& store, std::string_view bucket,
                                                     int64_t window, const ExpectedCheckpoint& expected,
                                                     ParameterSpans parameters, ThreadTeam& team);

// The newest usable one: what the pointer names first, then the others from the newest down; each that is
// broken or incomplete is skipped with its reason on the log. Nothing if there is none.
[[nodiscard]] Result<std::optional<CheckpointInfo>> load_newest_checkpoint(const ObjectReader& store,
                                                                           std::string_view bucket,
                                                                           const ExpectedCheckpoint& expected,
                                                                           ParameterSpans parameters,
                                                                           ThreadTeam& team);

}  // namespace templar
