// The samples of a window: what is assigned to a miner, and its receipt.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "core/data/sample_assignment.h"
#include "core/protocol/sample_receipt.h"
#include "core/run/window_plan.h"
#include "engine/engine.h"
#include "node/environment.h"

namespace templar {

// The tokens of some samples, laid end to end: [count, sequence_length].
struct SampleTokens {
  std::vector<uint32_t> tokens;
  int64_t sequence_length = 0;

  [[nodiscard]] int64_t count() const { return static_cast<int64_t>(tokens.size()) / sequence_length; }
  [[nodiscard]] TokenBatch batch() const { return {tokens, count(), sequence_length}; }
};

// The shard that the window's outer step trains on. Fails as the source does.
[[nodiscard]] Result<Shard> open_active_shard(const NodeEnvironment& environment, const WindowPlan& plan);

// The miner's samples of the window, in training order.
[[nodiscard]] SampleAssignment assigned_samples(const NodeEnvironment& environment, const WindowPlan& plan,
                                                const Shard& shard, uint32_t uid);

// Digest and count of what the window assigns to the miner.
[[nodiscard]] SampleReceipt receipt_of(const SampleAssignment& assignment, const Shard& shard);

// The samples at positions [first, first + count) of the assignment.
[[nodiscard]] SampleTokens read_samples(const SampleAssignment& assignment, const Shard& shard, int64_t first, int64_t count);

}  // namespace templar
