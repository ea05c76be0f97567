// A miner's own part of its state on disk: error feedback (or momentum), the optimiser's moments (what it
// remembers of each parameter), how far they had come, and the contribution of the last window in them. The
// shared model is not in it: that follows from checkpoint and records.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/files/file_writer.h"
#include "base/hash.h"
#include "engine/engine.h"

namespace templar {

struct MinerState {
  int64_t window = 0;      // the first window that had not been trained in when this was saved
  int64_t iterations = 0;  // see Trainer
  // Of the window before that, as it is stored; the store may have it already. Empty: none.
  Bytes contribution;
};

// Which file, and whose.
struct MinerStateFile {
  const std::filesystem::path& path;
  const Hash256& run_id;
  const ParameterLayout& layout;
};

// Streams everything into the file, atomically. Fails (fatal) where it can't be written; the old file then
// stays.
[[nodiscard]] Status save_miner_state(const MinerStateFile& file, const MinerState& state,
                                      ParameterSpans feedback, const OptimiserState& optimiser,
                                      Durability durability);

// Fills feedback and optimiser from the file; nullopt if there is no file. Reads the older forms as well:
// without a contribution, and with AdamW's moments without names. Fails (skip) if the file is of another run,
// model or optimiser, torn or changed: feedback and optimiser are then as before.
[[nodiscard]] Result<std::optional<MinerState>> load_miner_state(const MinerStateFile& file,
                                                                 ParameterSpans feedback,
                                                                 OptimiserState& optimiser);

}  // namespace templar
