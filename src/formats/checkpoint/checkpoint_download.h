// Copies a checkpoint's files. Into a folder: in ranges, several at once, going on where an earlier attempt
// ended. Into a store: one object after the other.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "formats/checkpoint/checkpoint_files.h"
#include "formats/checkpoint/manifest.h"

namespace templar {

struct DownloadOptions {
  // Pieces that are fetched at once: enough to fill a link while some wait for an answer, and few enough to
  // hold in memory (4 MiB each).
  int connections = 8;
  // Called after each piece, by one thread at a time; empty: not called.
  std::function<void(uint64_t done_bytes, uint64_t total_bytes)> progress;
};

// On success the folder is that checkpoint, durable, its manifest written last; other files in it stay. A
// piece that is there already is kept if its hash is right, whatever ended the attempt that fetched it. Fails
// (skip) where the checkpoint is not whole or a piece is wrong, (retry) where somebody could not be asked or
// the manifest was replaced meanwhile, (fatal) where the folder can't be written. A failure before
// the first piece (manifest, sizes) changes nothing; after any other the folder is no checkpoint.
[[nodiscard]] Status download_checkpoint(const CheckpointFiles& files, const CheckpointManifest& manifest,
                                         const std::filesystem::path& folder,
                                         const DownloadOptions& options = {});

// On success the bucket holds that checkpoint, under its own window, its manifest put last; the pointer to
// the newest checkpoint stays as it is. Fails (skip) where the checkpoint is not whole or a piece is wrong,
// (retry) where the files or the store could not be asked or the manifest was replaced meanwhile, (fatal)
// where the store is full or unwritable.
[[nodiscard]] Status copy_checkpoint(const CheckpointFiles& files, const CheckpointManifest& manifest,
                                     ObjectStore& store, std::string_view bucket);

// From here until its manifest is written, the folder is no checkpoint. Makes it if need be; fails (fatal).
[[nodiscard]] Status begin_checkpoint_folder(const std::filesystem::path& folder);

}  // namespace templar
