// The files of one checkpoint, wherever they lie, read and checked one by one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/threads/thread_team.h"
#include "core/run/parameter_layout.h"
#include "formats/checkpoint/manifest.h"
#include "ports/object_store.h"

namespace templar {

struct CheckpointFiles {
  std::string where;  // for messages: "checkpoint 12 in leader-bucket", "folder /x/y"
  // Fails (skip) if there is no such file, (retry) if nobody could be asked.
  std::function<Result<uint64_t>(std::string_view name)> size_of;
  // Fills out from that offset; fails likewise, and (skip) where the file is shorter. Thread-safe.
  std::function<Status(std::string_view name, uint64_t offset, std::span<uint8_t> out)> read;
  // While one reads, others can compute: a read waits for a disk or a store.
  bool waits_at_reads = true;
};

// The store must outlive what is returned.
[[nodiscard]] CheckpointFiles checkpoint_in_store(const ObjectReader& store, std::string_view bucket,
                                                  int64_t window);
[[nodiscard]] CheckpointFiles checkpoint_in_folder(const std::filesystem::path& folder);

// Reads and opens the manifest (see open_manifest). Fails (skip) also if it is missing.
[[nodiscard]] Result<CheckpointManifest> read_manifest(const CheckpointFiles& files);

// One piece of a file, checked against its hash. Fails (skip) where it is another.
[[nodiscard]] Result<Bytes> read_piece(const CheckpointFiles& files, const CheckpointFile& file,
                                       uint64_t piece);

// Fails (skip) unless the file has the manifest's size.
[[nodiscard]] Status check_size(const CheckpointFiles& files, const CheckpointFile& file);

// Hands a file to the sink piece by piece, each checked before. Fails (skip) where size or a hash are not
// those of the manifest.
[[nodiscard]] Status read_checked(const CheckpointFiles& files, const CheckpointFile& file,
                                  const std::function<Status(ByteView)>& sink);

// Checks size and all pieces, on all threads of the team. Fails (skip) with what is wrong first.
[[nodiscard]] Status check_file(const CheckpointFiles& files, const CheckpointFile& file, ThreadTeam& team);

}  // namespace templar
