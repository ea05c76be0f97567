// What a validator learnt of the miners in one window: values only, made by the node, judged by advance().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/keys.h"

namespace templar {

// What became of a miner's contribution in the gather.
enum class ContributionVerdict { kAccepted, kMissing, kTooEarly, kTooLate, kInvalid };

// "accepted", "missing", "too_early", "too_late", "invalid".
[[nodiscard]] std::string_view verdict_name(ContributionVerdict verdict);
[[nodiscard]] std::optional<ContributionVerdict> parse_verdict(std::string_view name);

// Mean loss [nats a token] before and after the contribution was applied.
struct LossChange {
  double before = 0;
  double after = 0;

  // (before - after) / before; minus infinity where the contribution made the loss anything but a finite
  // number. Nothing if the loss before is not finite and above 0, so that nothing was measured.
  [[nodiscard]] std::optional<double> relative_improvement() const;
};

struct Evaluation {
  LossChange own;         // on the samples that the miner was assigned
  LossChange unassigned;  // on samples that it was not, the same for all miners of the window
};

struct MinerEvidence {
  uint32_t uid = 0;
  PublicKey key;
  ContributionVerdict verdict = ContributionVerdict::kMissing;
  std::string verdict_detail;            // for people: why it is not accepted, with the number that was wrong
  std::optional<Evaluation> evaluation;  // only of accepted ones, if it was chosen for evaluation
  std::optional<int64_t>
      steps_behind;  // outer steps between the contribution's state root and ours; none: root unknown
  bool possession_proof_fits = false;
};

// Every uid at most once, in any order.
struct Evidence {
  int64_t window = 0;
  int64_t outer_step = 0;  // outer steps that the run had made before the window
  std::vector<MinerEvidence> miners;
};

}  // namespace templar
