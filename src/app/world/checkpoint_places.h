// Where checkpoints are, as a person names the place.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/terminal/progress_line.h"
#include "formats/checkpoint/checkpoint_files.h"
#include "formats/export/checkpoint_source.h"

namespace templar {

inline constexpr const char* kModelPlaceHelp =
    "A checkpoint's folder, a folder with some below it (a bucket, a store, a run's output), an address "
    "(s3://BUCKET/PREFIX?..., https://HOST/BUCKET/PREFIX), or a directory of Hugging Face";

inline constexpr const char* kCheckpointPlaceHelp =
    "A checkpoint's folder, or a folder with some below it: a bucket, a store, a run's output; or an address "
    "of one: s3://BUCKET/PREFIX?..., https://HOST/BUCKET/PREFIX";

// A checkpoint, wherever it lies.
struct CheckpointPlace {
  std::string name;  // its folder, or "s3://bucket/prefix/checkpoints/0000000012"
  CheckpointFiles files;
};

// The place itself, or the checkpoints of the store, bucket or folder that it is, in the order of their
// paths; at most seven folders below it. Of an address (see open_data_place) those that have a manifest,
// which is stored last; nothing of them is fetched yet. Fails (fatal) if there is none, and where
// stop_requested(); as the store does, whose no is fatal.
[[nodiscard]] Result<std::vector<CheckpointPlace>> find_checkpoints(const std::string& place);
// The place itself, whatever it lacks. Fails as open_data_place.
[[nodiscard]] Result<CheckpointPlace> checkpoint_at(const std::string& place);

// Shows what was done to how many bytes on the line, which must outlive it, and goes on until
// stop_requested().
[[nodiscard]] ExportProgress progress_on(ProgressLine& line, std::string what);

struct NewestCheckpoint {
  std::string name;  // see CheckpointPlace
  CheckpointSource source;
};

// A model to work with.
struct OpenedModel {
  std::string name;  // see CheckpointPlace
  ModelSource source;
  InnerSpec inner;  // that it was trained with; of a directory of Hugging Face the sequence length alone
  std::optional<CheckpointManifest> manifest;  // nullopt: it is a directory of Hugging Face
};

// The place as a directory of Hugging Face, or else open_newest_checkpoint; fails as the two do.
[[nodiscard]] Result<OpenedModel> open_model(const std::string& place, const ExportProgress& progress);

// Of the checkpoints at the place the one with the highest window that is whole (open_checkpoint); each that
// is skipped is named on standard error with its reason. Fails (fatal) if there is none.
[[nodiscard]] Result<NewestCheckpoint> open_newest_checkpoint(const std::string& place,
                                                              const ExportProgress& progress);

}  // namespace templar
