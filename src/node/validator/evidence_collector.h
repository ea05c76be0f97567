// From a decided window to what scoring takes in: who contributed, and what it did to the loss.
#pragma once

#include <span>

#include "base/result.h"
#include "core/scoring/evidence.h"
#include "core/scoring/scoreboard.h"
#include "node/validator/loss_meter.h"
#include "node/validator/window_draw.h"
#include "node/window/gather.h"

namespace templar {

struct EvidenceRequest {
  const GatherRequest& gather;   // of the window
  const Gathered& gathered;      // accepted is what the window's outer step takes
  const WindowDraw& draw;        // whom to measure, and on which samples
  const Scoreboard& scoreboard;  // whom to look at
};

// Evidence of every miner of the gather, and of those outside it that were drawn for evaluation: without
// these no new miner could ever earn a place. Of the scoreboard's other miners, at most 250 a window in turn,
// whether they are active. Overlaps are looked for from scoring.overlap_first_outer_step on. The replica's
// parameters are the same before and after. Fails (fatal) where the window's shard is missing or corrupt, or
// the engine can't evaluate its samples.
[[nodiscard]] Result<Evidence> collect_evidence(const NodeEnvironment& environment, Replica& replica,
                                                LossMeter& meter, const EvidenceRequest& request);

}  // namespace templar
