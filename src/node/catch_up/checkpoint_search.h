// Finding a checkpoint to begin from: the leader's, then those of the other validators by stake, then the
// copy that an earlier start has left on this machine.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "formats/checkpoint/checkpoint.h"
#include "node/window/records.h"

namespace templar {

struct FoundCheckpoint {
  CheckpointInfo info;
  std::string where;  // for messages: "checkpoint 12 in node-0123"
};

// Loads the newest usable checkpoint of the first source that has one. A usable one is whole, signed by the
// validator whose bucket it lies in, of our run, and its state root and outer steps are those that the
// leader's record names for that window; without a record only the leader's own checkpoint is usable. One
// that is not usable is skipped with its reason on the log. With environment.checkpoint_folder the files are
// first copied into it, and an earlier copy that was cut short is continued; the folder keeps the checkpoint
// that was loaded last until another one has been loaded.
//
// nullopt if there is none. Fails (retry) where the leader's bucket could not be asked, (fatal) where the
// folder can't be written. The parameters are undefined unless one was loaded.
[[nodiscard]] Result<std::optional<FoundCheckpoint>> load_newest_checkpoint(
    const NodeEnvironment& environment, std::span<const Registration> roster, ParameterSpans parameters,
    ThreadTeam& team);

}  // namespace templar
