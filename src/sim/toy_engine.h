// An engine whose model is a bowl: for simulations that need many nodes and windows, and no language. It
// trains in microseconds and is in all else what an engine is.
#pragma once

#include <memory>

#include "engine/engine.h"

namespace templar {

// Each pair of tokens that follow each other has a target in [-1, 1] for every parameter, drawn from the pair
// and the parameter's place. A predicted token's loss is half the mean squared distance of the parameters
// from its pair's targets: convex, with its minimum at the mean of the targets of the samples seen. The
// optimiser is AdamW as the spec has it. A token's logit after another is the pair's loss, negative, and its
// log probability is taken to be that logit: there is no language in it to be normalised.
//
// The same calls give the same bits on every machine. Parameters are zero until a caller initialises or loads
// them. Fails (fatal) as check_engine does, and where inner.optimiser is not AdamW.
[[nodiscard]] Result<std::unique_ptr<Engine>> make_toy_engine(const ModelSpec& model, const InnerSpec& inner,
                                                              const EngineOptions& options = {});

}  // namespace templar
