// What one machine alone would have reached: the run's inner optimiser on one miner's samples, as many steps
// as the miner took, the same schedule, no outer step.
#pragma once

#include <string_view>

#include "app/world/node_world.h"

namespace templar {

// Beside the names of NodeRole: a baseline is on no ledger.
inline constexpr std::string_view kBaselineRole = "baseline";

// Trains one window at each advance(), no further than the ledger's window, on the samples of that uid;
// reports "baseline_metrics" (window, loss) and, at the windows of checkpoints, "baseline_heldout" (window,
// heldout_loss). Keeps nothing: after a restart it begins at window 0 again.
[[nodiscard]] Result<std::unique_ptr<RunningNode>> open_baseline(const NodeConfig& config, uint32_t uid);

}  // namespace templar
