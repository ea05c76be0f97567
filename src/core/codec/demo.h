// DeMo, the seed system's algorithm: momentum is compressed instead of a pseudo-gradient, and what was sent
// leaves it.
#pragma once

#include <vector>

#include "base/result.h"
#include "base/threads/thread_team.h"
#include "core/coding/coded_block.h"
#include "core/run/parameter_layout.h"

namespace templar {

// In this many first iterations what was sent stays in the momentum.
constexpr int64_t kDemoIterationsWithoutSubtraction = 5;

struct DemoStep {
  int64_t iteration = 0;     // from 0
  double learning_rate = 0;  // the schedule's
  double weight_decay = 0;
};

// For each parameter: theta <- theta*(1 - lr*weight_decay); m <- decay*m + lr*g (m <- lr*g in iteration 0);
// q = compress(m); m <- m - decompress(q) from iteration kDemoIterationsWithoutSubtraction on: what is
// subtracted is what the peers decode. decay is codec.error_feedback_decay. The parameters are the miner's
// own: the shared model decays in the outer step, so a node puts its model back afterwards. gradients are
// used up: what they hold afterwards is unspecified. Fails (skip) if a gradient is missing (an empty span),
// or if a value of the new momentum is not finite or too large to be sent: parameters and momentum are then
// untouched.
[[nodiscard]] Result<std::vector<EncodedParameter>> prepare_demo(
    const DemoStep& step, ParameterSpans parameters, ParameterSpans momentum, ParameterSpans gradients,
    const ParameterLayout& layout, const CodecSpec& codec, ThreadTeam& team);

}  // namespace templar
