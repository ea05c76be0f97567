// What a validator learnt of the miners in one window: values only, made by the node, judged by
// advance_scoreboard().
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/keys/keys.h"
#include "core/protocol/verdict.h"

namespace templar {

// Mean loss [nats a token] before and after the contribution was applied.
struct LossChange {
  double before = 0;
  double after = 0;

  // (before - after) / before; minus infinity where the loss after is not a finite number. nullopt where the
  // loss before is not a finite number above 0: then nothing can be measured.
  [[nodiscard]] std::optional<double> relative_improvement() const;
};

struct Evaluation {
  LossChange own;  // on the samples that the miner was assigned
  // On samples that a secret of the validator draws from the whole shard, the same for all miners of the
  // window; a sample may also be assigned to one of them.
  LossChange unassigned;
};

struct MinerEvidence {
  uint32_t uid = 0;
  PublicKey key;
  Verdict verdict = {VerdictCode::kMissing, ""};  // of the gather
  std::optional<Evaluation> evaluation;           // of an accepted contribution, if it was measured
  // Outer steps between the contribution's state root and ours; none: root unknown.
  std::optional<int64_t> steps_behind;
  bool possession_proof_fits = false;
};

// Every uid at most once, in any order.
struct Evidence {
  int64_t window = 0;
  int64_t outer_step = 0;  // outer steps that the run had made before the window
  std::vector<MinerEvidence> miners;
};

}  // namespace templar
