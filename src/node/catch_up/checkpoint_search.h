// Finding a checkpoint to begin from: the newest that a validator has, or the copy that an earlier start has
// left on this machine.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "formats/checkpoint/checkpoint.h"
#include "node/window/leadership.h"

namespace templar {

struct FoundCheckpoint {
  CheckpointInfo info;
  std::string where;  // for messages: "checkpoint 12 in node-0123"
};

// Loads the newest usable checkpoint of all validators that have stake or have led a term; of one window the
// leader's, then by stake. Where they have none, that of any other validator, then the copy. A usable one is
// whole, signed by the validator whose bucket it lies in, of our run, and counts (checkpoint_trust.h). One
// that is not usable is skipped with its reason on the log. With environment.checkpoint_folder the files are
// first copied into it, and an earlier copy that was cut short is continued; the folder keeps the checkpoint
// that was loaded last until another one has been loaded.
//
// nullopt if there is none. Fails (retry) where no source had one and one of them, or the ledger, could not
// be asked, (fatal) where the folder can't be written. The parameters are undefined unless one was loaded.
// after: only checkpoints of later windows are looked at.
[[nodiscard]] Result<std::optional<FoundCheckpoint>> load_newest_checkpoint(
    const NodeEnvironment& environment, const ChainView& view, ParameterSpans parameters, ThreadTeam& team,
    int64_t after = -1);

// The newest window that a validator which has stake or has led a term has a checkpoint of, usable or not;
// nullopt if there is none. A store that is away has none.
[[nodiscard]] std::optional<int64_t> newest_checkpoint_window(const NodeEnvironment& environment,
                                                              const ChainView& view);

}  // namespace templar
