#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "core/scoring/rules/rules.h"

namespace templar {
namespace {

struct Offence {
  double share = 0;
  uint32_t original = 0;
  bool at_the_same_time = false;
};

// By the uid of the miner that answers for it, its worst.
using Offences = std::map<uint32_t, Offence>;

std::optional<int64_t> stored_at(const RuleView& view, uint32_t uid) {
  const auto miner = std::ranges::find(view.evidence.miners, uid, &MinerEvidence::uid);
  return miner != view.evidence.miners.end() ? miner->stored_at_ms : std::nullopt;
}

void blame(Offences& offences, uint32_t copier, const Offence& offence) {
  const auto [known, is_new] = offences.emplace(copier, offence);
  // Of equally bad ones that with the lower uid, so that the order of the evidence can't matter.
  const bool is_worse = offence.share > known->second.share ||
                        (offence.share == known->second.share && offence.original < known->second.original);
  if (!is_new && is_worse) known->second = offence;
}

Offences find_offences(const RuleView& view) {
  Offences offences;
  for (const IndexOverlap& pair : view.evidence.overlaps) {
    if (pair.share < view.scoring.penalties.overlap_limit) continue;
    const auto one = stored_at(view, pair.one);
    const auto other = stored_at(view, pair.other);
    if (!one || !other) continue;
    const bool same = *one == *other;
    if (*one >= *other) blame(offences, pair.one, {pair.share, pair.other, same});
    if (*other >= *one) blame(offences, pair.other, {pair.share, pair.one, same});
  }
  return offences;
}

}  // namespace

std::vector<RuleEffect> penalise_index_overlap(const RuleView& view) {
  const PenaltySpec& spec = view.scoring.penalties;
  std::vector<RuleEffect> effects;
  if (view.evidence.outer_step < spec.overlap_first_outer_step) return effects;
  for (const auto& [uid, offence] : find_offences(view)) {
    const bool resets = offence.share >= spec.overlap_reset_limit;
    const bool excludes = offence.share >= spec.overlap_exclusion_limit;
    effects.push_back(
        {.uid = uid,
         .reason = ScoreReason::kIndexOverlap,
         .detail = fmt::format("keeps {:.1f} % of the coefficients of uid {}, and was stored {}",
                               100 * offence.share, offence.original,
                               offence.at_the_same_time ? "at the same time" : "later"),
         .factor = spec.overlap_factor,
         .multiplies = Multiplies::kFinalScoreAndAverage,
         .resets = resets,
         .exclude_windows = excludes ? spec.exclusion_windows : 0});
  }
  return effects;
}

}  // namespace templar
