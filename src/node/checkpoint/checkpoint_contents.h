// What a checkpoint consists of, and what a reader checks, wherever its files lie.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "node/checkpoint/checkpoint.h"
#include "node/checkpoint/checkpoint_files.h"
#include "node/checkpoint/manifest.h"

namespace templar {

// Without files and signer.
[[nodiscard]] CheckpointManifest manifest_of(const RunSpec& spec, const CheckpointInfo& info);
// model.safetensors, piece by piece. The parameters must be those of the spec's model (CHECK).
[[nodiscard]] Status write_model(const RunSpec& spec, ConstParameterSpans parameters,
                                 const std::function<Status(ByteView)>& sink);
// All other files but the manifest: config.json, run_spec.json and the tokenizer's.
[[nodiscard]] std::vector<TokenizerFile> small_files(const RunSpec& spec,
                                                     std::span<const TokenizerFile> tokenizer);

// The manifest, if it is signed by the expected leader, of the expected run and, where one is given, of that
// window. Fails (skip).
[[nodiscard]] Result<CheckpointManifest> read_expected_manifest(const CheckpointFiles& files,
                                                                std::optional<int64_t> window,
                                                                const ExpectedCheckpoint& expected);
// As load_checkpoint.
[[nodiscard]] Result<CheckpointInfo> load_checkpoint_files(const CheckpointFiles& files,
                                                           std::optional<int64_t> window,
                                                           const ExpectedCheckpoint& expected,
                                                           ParameterSpans parameters, ThreadTeam& team);

}  // namespace templar
