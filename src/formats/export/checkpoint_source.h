// A checkpoint as the source of an export. The one place of this folder that knows how checkpoints lie.
#pragma once

#include "core/run/run_spec.h"
#include "formats/checkpoint/checkpoint_files.h"
#include "formats/export/model_source.h"

namespace templar {

struct CheckpointSource {
  CheckpointManifest manifest;
  RunSpec spec;
  ModelSource model;  // holds one parameter at a time
};

// Checks the manifest's signature (whoever signed), size and hash of every file, that the run spec makes the
// run id and that the tensors are its model's. progress is told of the bytes that are hashed. Fails (skip)
// with the reason where the checkpoint is not whole; otherwise as the files do, and (fatal) where progress
// says not to go on. The files must not change while the source is used.
[[nodiscard]] Result<CheckpointSource> open_checkpoint(CheckpointFiles files, const ExportProgress& progress);

}  // namespace templar
