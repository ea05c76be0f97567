// The samples of a window: what is assigned to a miner, and its receipt.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "core/data/sample_assignment.h"
#include "core/protocol/sample_receipt.h"
#include "core/run/window_plan.h"
#include "engine/model/sample_tokens.h"
#include "node/window/environment.h"

namespace templar {

// The shard that the window's outer step trains on. Fails (fatal) where it is missing or corrupt.
[[nodiscard]] Result<Shard> open_active_shard(const NodeEnvironment& environment, const WindowPlan& plan);

// The miner's samples of the window, in training order.
[[nodiscard]] SampleAssignment assigned_samples(const NodeEnvironment& environment, const WindowPlan& plan,
                                                const Shard& shard, uint32_t uid);

// Digest and count of what the window assigns to the miner.
[[nodiscard]] SampleReceipt receipt_of(const SampleAssignment& assignment, const Shard& shard);

// The samples at positions [first, first + count) of the assignment.
[[nodiscard]] SampleTokens read_samples(const SampleAssignment& assignment, const Shard& shard, int64_t first,
                                        int64_t count);

}  // namespace templar
