// Where checkpoints are, as a person names the place.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "app/terminal/progress_line.h"
#include "formats/export/checkpoint_source.h"

namespace templar {

inline constexpr const char* kModelPlaceHelp =
    "A checkpoint's folder, a folder with some below it (a bucket, a store, a run's output), or a directory "
    "of "
    "Hugging Face";

inline constexpr const char* kCheckpointPlaceHelp =
    "A checkpoint's folder, or a folder with some below it: a bucket, a store, a run's output";

// The place itself, or the checkpoints of the store, bucket or folder that it is, in the order of their
// paths; at most seven folders below it. Fails (fatal) if there is none, and where stop_requested().
[[nodiscard]] Result<std::vector<std::filesystem::path>> find_checkpoints(const std::filesystem::path& place);

// Shows what was done to how many bytes on the line, which must outlive it, and goes on until
// stop_requested().
[[nodiscard]] ExportProgress progress_on(ProgressLine& line, std::string what);

struct NewestCheckpoint {
  std::filesystem::path folder;
  CheckpointSource source;
};

// A model to work with.
struct OpenedModel {
  std::filesystem::path folder;
  ModelSource source;
  InnerSpec inner;  // that it was trained with; of a directory of Hugging Face the sequence length alone
  std::optional<CheckpointManifest> manifest;  // nullopt: it is a directory of Hugging Face
};

// The place as a directory of Hugging Face, or else open_newest_checkpoint; fails as the two do.
[[nodiscard]] Result<OpenedModel> open_model(const std::filesystem::path& place,
                                             const ExportProgress& progress);

// Of the checkpoints at the place the one with the highest window that is whole (open_checkpoint); each that
// is skipped is named on standard error with its reason. Fails (fatal) if there is none.
[[nodiscard]] Result<NewestCheckpoint> open_newest_checkpoint(const std::filesystem::path& place,
                                                              const ExportProgress& progress);

}  // namespace templar
