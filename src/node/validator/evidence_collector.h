// From a decided window to what scoring takes in: who contributed, and what it did to the loss.
#pragma once

#include <span>

#include "base/result.h"
#include "core/scoring/evidence.h"
#include "core/scoring/scoreboard.h"
#include "node/validator/loss_meter.h"
#include "node/window/gather.h"
#include "node/window/replica.h"

namespace templar {

struct EvidenceRequest {
  const GatherRequest& request;
  const Gathered& gathered;      // its accepted set is the window's
  const Scoreboard& scoreboard;  // decides whom to measure
  ByteView sampling_key;         // see LossMeter
};

// Evidence of every miner of the gather, and of those outside it that were drawn for evaluation: else nobody
// new could ever come in. The replica's parameters are the same before and after. Fails as the engine and the
// shards do.
[[nodiscard]] Result<Evidence> collect_evidence(const NodeEnvironment& environment, Replica& replica,
                                                LossMeter& meter, const EvidenceRequest& request);

}  // namespace templar
