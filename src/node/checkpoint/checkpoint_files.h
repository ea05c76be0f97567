// The files of one checkpoint, wherever they lie: what reading and checking needs, and no more.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/thread_team.h"
#include "core/protocol/parameter_layout.h"
#include "node/checkpoint/manifest.h"
#include "ports/object_store.h"

namespace templar {

struct CheckpointFiles {
  std::string where;  // for messages: "checkpoint 12 in leader-bucket", "folder /x/y"
  // Fails (skip) if there is no such file, (retry) if nobody could be asked.
  std::function<Result<uint64_t>(std::string_view name)> size_of;
  // Exactly that range; fails likewise, and (skip) where the file is shorter.
  std::function<Result<Bytes>(std::string_view name, ByteRange range)> read;
};

// The store must outlive what is returned.
[[nodiscard]] CheckpointFiles checkpoint_in_store(const ObjectReader& store, std::string_view bucket,
                                                  int64_t window);
[[nodiscard]] CheckpointFiles checkpoint_in_folder(const std::filesystem::path& folder);

// Files are read in pieces of this size.
inline constexpr uint64_t kCheckpointPieceBytes = uint64_t{4} << 20;

// Reads and opens the manifest (see open_manifest). Fails (skip) also if it is missing.
[[nodiscard]] Result<CheckpointManifest> read_manifest(const CheckpointFiles& files);

// Hands a file to the sink piece by piece. Fails (skip) where size or hash are not those of the manifest; the
// sink has then seen bytes that are not to be used.
[[nodiscard]] Status read_checked(const CheckpointFiles& files, const CheckpointFile& file,
                                  const std::function<Status(ByteView)>& sink);

// Reads the model's file into the parameters, holding no more than a piece of it besides, and checks size,
// hash, names, types and shapes. Fails (skip), parameters then undefined.
[[nodiscard]] Status read_model(const CheckpointFiles& files, const CheckpointFile& file,
                                const ParameterLayout& layout, ParameterSpans parameters);

// Fails (skip) unless the parameters' state root is the manifest's.
[[nodiscard]] Status check_state_root(const CheckpointFiles& files, const CheckpointManifest& manifest,
                                      const ParameterLayout& layout, ParameterSpans parameters,
                                      ThreadTeam& team);

}  // namespace templar
