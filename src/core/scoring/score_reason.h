// Why a number on the scoreboard changes.
#pragma once

#include <string_view>

namespace templar {

enum class ScoreReason {
  kNewMiner,
  kKeyChanged,
  kEvaluated,
  kNotMeasurable,
  kRated,
  kSynchronised,
  kScored,
  kMissing,
  kGatherSuccess,
  kInvalid,
  kOutOfSync,
  kNegativeShare,
  kNegativesInARow,
  kInactive,
  kIndexOverlap,
  kExcluded,
  kReturned,
  kSmallScore,
};

enum class ReasonKind {
  kStep,     // the scoring's own course
  kPenalty,  // for what a miner sent, or how
  kAbsence,  // a penalty too: nothing was sent in time
};

// "new_miner", "missing", ...
[[nodiscard]] std::string_view reason_name(ScoreReason reason);
[[nodiscard]] ReasonKind reason_kind(ScoreReason reason);

}  // namespace templar
