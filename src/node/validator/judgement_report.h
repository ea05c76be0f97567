// The measurements of a window that a validator has judged.
#pragma once

#include <cstdint>

#include "core/scoring/evidence.h"
#include "core/scoring/scoreboard.h"
#include "node/window/replica.h"

namespace templar {

// A window's judgement; replica is the model after it.
struct Judgement {
  const Evidence& evidence;
  const AdvanceResult& result;
  const Replica& replica;
  double seconds = 0;  // that judging took
};

// Writes validator_window_v2 and, of each miner of the evidence (tag eval_uid): validator_scores;
// validator_openskill and the losses where it was measured; validator_sync_score where its contribution can
// be rated (accepted or stale); and where it lost score by a penalty, with the reason: validator_inactivity
// for nothing in time (ReasonKind::kAbsence), validator_slash for all others.
void report_judgement(const NodeEnvironment& environment, uint32_t uid, const Judgement& judgement);

}  // namespace templar
