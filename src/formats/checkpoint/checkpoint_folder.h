// Checkpoints as plain folders: written, loaded and checked.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "formats/checkpoint/checkpoint.h"
#include "formats/checkpoint/checkpoint_contents.h"
#include "formats/checkpoint/checkpoint_files.h"

namespace templar {

// Makes the folder if need be and writes all files durably, the manifest last; files of that name are
// replaced, others stay. Fails (fatal): what is then in the folder is no checkpoint.
[[nodiscard]] Status write_checkpoint(const std::filesystem::path& folder, const CheckpointContents& contents,
                                      const KeyPair& key, ThreadTeam& team);

// As load_checkpoint from a store, whatever its window. Fails (skip) with the reason, parameters then
// undefined; (fatal) where the disk can't be read.
[[nodiscard]] Result<CheckpointInfo> load_checkpoint_folder(const std::filesystem::path& folder,
                                                            const ExpectedCheckpoint& expected,
                                                            ParameterSpans parameters, ThreadTeam& team);

struct CheckedFile {
  std::string name;
  uint64_t size_bytes = 0;             // that it should have
  std::optional<std::string> problem;  // nullopt: it is as the manifest says
};

struct CheckpointReport {
  std::optional<CheckpointManifest> manifest;  // nullopt: it can't be used, and no file was looked at
  std::optional<std::string> manifest_problem;
  std::vector<CheckedFile> files;
  // Run spec, parameters and state root don't fit each other; or were not looked at.
  std::optional<std::string> model_problem;

  [[nodiscard]] bool ok() const;
};

// Everything that can be checked about a checkpoint without knowing its run: signature, sizes and hashes,
// that the run spec makes the run id, that the model is the run spec's and has the state root. leader: who
// must have signed it; nullopt: any signer will do. Holds the model in memory. Fails only where the files
// could not be asked for.
[[nodiscard]] Result<CheckpointReport> verify_checkpoint(const CheckpointFiles& files,
                                                         const std::optional<PublicKey>& leader,
                                                         ThreadTeam& team);

}  // namespace templar
