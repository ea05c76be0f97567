// A miner's own part of its state on disk: error feedback (or momentum), the optimiser's moments (what it
// remembers of each parameter), and how far they had come. The shared model is not in it: that follows from
// checkpoint and records.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/hash.h"
#include "engine/engine.h"

namespace templar {

struct MinerState {
  int64_t window = 0;      // the first window that had not been trained in when this was saved
  int64_t iterations = 0;  // see Trainer
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
                                      ParameterSpans feedback, const OptimiserState& optimiser);

// Fills feedback and optimiser from the file; nullopt if there is no file. Reads the older form as well,
// which had AdamW's moments without names. Fails (skip) if the file is of another run, model or optimiser,
// torn or changed: feedback and optimiser are then as before.
[[nodiscard]] Result<std::optional<MinerState>> load_miner_state(const MinerStateFile& file,
                                                                 ParameterSpans feedback,
                                                                 OptimiserState& optimiser);

}  // namespace templar
