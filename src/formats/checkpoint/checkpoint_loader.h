// From a checkpoint's files to parameters.
#pragma once

#include <optional>

#include "base/threads/thread_team.h"
#include "core/run/parameter_layout.h"
#include "formats/checkpoint/checkpoint.h"
#include "formats/checkpoint/checkpoint_files.h"
#include "formats/checkpoint/manifest.h"

namespace templar {

// The manifest, if it is signed by the expected signer, of the expected run and, where one is given, of that
// window. Fails (skip).
[[nodiscard]] Result<CheckpointManifest> read_expected_manifest(const CheckpointFiles& files,
                                                                std::optional<int64_t> window,
                                                                const ExpectedCheckpoint& expected);

// Reads the model of a checkpoint straight into the parameters, on six threads more than the team has: some
// wait for the disk or the store. Every byte of every file of the manifest is covered: tensors by the state
// root, all else by the hashes of pieces. Fails (skip), parameters then undefined, and names the file that is
// not as it should be; (retry) where nobody could be asked.
[[nodiscard]] Status load_model(const CheckpointFiles& files, const CheckpointManifest& manifest,
                                const ParameterLayout& layout, ParameterSpans parameters, ThreadTeam& team);

// As load_checkpoint.
[[nodiscard]] Result<CheckpointInfo> load_checkpoint_files(const CheckpointFiles& files,
                                                           std::optional<int64_t> window,
                                                           const ExpectedCheckpoint& expected,
                                                           ParameterSpans parameters, ThreadTeam& team);

// The weights of another run's checkpoint, whoever signed it: the spec's state root says what they must be.
// Fails as load_model does.
[[nodiscard]] Status load_bootstrap(const CheckpointFiles& files, const BootstrapSpec& bootstrap,
                                    const ParameterLayout& layout, ParameterSpans parameters,
                                    ThreadTeam& team);

// What a manifest says of its model.
[[nodiscard]] CheckpointInfo info_of(const CheckpointManifest& manifest);

// Where the bytes of each parameter lie: for streaming a model without holding it.
struct TensorPlace {
  const CheckpointFile* file = nullptr;
  uint64_t offset = 0;  // in the file
};
// One entry a parameter, in the layout's order. Reads and checks the headers only. Fails (skip) where the
// files' tensors are not exactly those of the layout.
[[nodiscard]] Result<std::vector<TensorPlace>> locate_tensors(const CheckpointFiles& files,
                                                              const CheckpointManifest& manifest,
                                                              const ParameterLayout& layout);

}  // namespace templar
