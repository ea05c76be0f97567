#include "core/scoring/score_reason.h"

#include <array>
#include <cstddef>

namespace templar {
namespace {

struct ReasonRow {
  ScoreReason reason;
  std::string_view name;
  ReasonKind kind;
};

// In the order of the enum.
constexpr std::array kReasons = {
    // Not seen before: all fields start afresh.
    ReasonRow{ScoreReason::kNewMiner, "new_miner", ReasonKind::kStep},
    // Another key has the uid now: all fields start afresh.
    ReasonRow{ScoreReason::kKeyChanged, "key_changed", ReasonKind::kStep},
    // Its losses were measured.
    ReasonRow{ScoreReason::kEvaluated, "evaluated", ReasonKind::kStep},
    // Measured, but the loss before was no usable number: its scores stay.
    ReasonRow{ScoreReason::kNotMeasurable, "not_measurable", ReasonKind::kStep},
    // The window's match.
    ReasonRow{ScoreReason::kRated, "rated", ReasonKind::kStep},
    // Its state root and proof were checked.
    ReasonRow{ScoreReason::kSynchronised, "synchronised", ReasonKind::kStep},
    // The final score's formula.
    ReasonRow{ScoreReason::kScored, "scored", ReasonKind::kStep},
    // The rules' (core/scoring/rules/rules.h says of each what it is for).
    ReasonRow{ScoreReason::kMissing, "missing", ReasonKind::kAbsence},
    ReasonRow{ScoreReason::kGatherSuccess, "gather_success", ReasonKind::kPenalty},
    ReasonRow{ScoreReason::kInvalid, "invalid", ReasonKind::kPenalty},
    ReasonRow{ScoreReason::kOutOfSync, "out_of_sync", ReasonKind::kPenalty},
    ReasonRow{ScoreReason::kNegativeShare, "negative_share", ReasonKind::kPenalty},
    ReasonRow{ScoreReason::kNegativesInARow, "negatives_in_a_row", ReasonKind::kPenalty},
    ReasonRow{ScoreReason::kInactive, "inactive", ReasonKind::kAbsence},
    ReasonRow{ScoreReason::kIndexOverlap, "index_overlap", ReasonKind::kPenalty},
    // It is excluded, now or since an earlier window: no score.
    ReasonRow{ScoreReason::kExcluded, "excluded", ReasonKind::kPenalty},
    // A gradient score that is not below 0 ended its exclusion.
    ReasonRow{ScoreReason::kReturned, "returned", ReasonKind::kStep},
    // Too small a score to count.
    ReasonRow{ScoreReason::kSmallScore, "small_score", ReasonKind::kStep},
};

constexpr bool in_order() {
  for (size_t i = 0; i < kReasons.size(); ++i) {
    if (kReasons[i].reason != static_cast<ScoreReason>(i)) return false;
  }
  return kReasons.back().reason == ScoreReason::kSmallScore;
}
static_assert(in_order());

const ReasonRow& row_of(ScoreReason reason) {
  return kReasons.at(static_cast<size_t>(reason));
}

}  // namespace

std::string_view reason_name(ScoreReason reason) {
  return row_of(reason).name;
}

ReasonKind reason_kind(ScoreReason reason) {
  return row_of(reason).kind;
}

}  // namespace templar
