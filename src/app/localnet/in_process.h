// A localnet in one process, on the virtual clock.
#pragma once

#include <functional>

#include "app/localnet/run_folder.h"

namespace templar {

// Runs until all nodes are finished or should_stop says so; every node has then been stopped cleanly. tick is
// called while no node works, after each block. Fails as the first node that fails for good.
[[nodiscard]] Status run_in_process(const LocalRun& run, const LocalnetOptions& options,
                                    const std::function<void()>& tick,
                                    const std::function<bool()>& should_stop);

// The node's program, by its role.
[[nodiscard]] Result<std::unique_ptr<RunningNode>> open_node(const LocalNode& node);

// The baseline's configuration: the evaluator's, with a state and a metrics file of its own.
[[nodiscard]] NodeConfig baseline_config(const LocalRun& run);
// The miner whose samples the baseline trains on.
inline constexpr uint32_t kBaselineUid = 1;

}  // namespace templar
