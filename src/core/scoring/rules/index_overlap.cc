#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "core/scoring/rules/rules.h"

namespace templar {
namespace {

// By how much it improved the loss on its own samples more than on others'; nullopt if it was not measured.
// A copy is of no more use on the copier's samples than on any others.
std::optional<double> own_lead(const RuleView& view, uint32_t uid) {
  const auto miner = std::ranges::find(view.evidence.miners, uid, &MinerEvidence::uid);
  if (miner == view.evidence.miners.end() || !miner->evaluation) return std::nullopt;
  const auto own = miner->evaluation->own.relative_improvement();
  const auto unassigned = miner->evaluation->unassigned.relative_improvement();
  if (!own || !unassigned) return std::nullopt;
  return *own - *unassigned;
}

// Of two that were stored at the same time, the one that this window's losses and all windows before call the
// copier; nullopt where they don't agree. Whoever copies in the same second must not be able to have its
// victim punished.
std::optional<uint32_t> copier_of_equals(const RuleView& view, uint32_t one, uint32_t other) {
  const auto one_lead = own_lead(view, one);
  const auto other_lead = own_lead(view, other);
  if (!one_lead || !other_lead) return std::nullopt;
  const double one_average = view.score(one).binary_average;
  const double other_average = view.score(other).binary_average;
  if (*one_lead < *other_lead && one_average < other_average) return one;
  if (*other_lead < *one_lead && other_average < one_average) return other;
  return std::nullopt;
}

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
    const auto copier = same ? copier_of_equals(view, pair.one, pair.other)
                             : std::optional(*one > *other ? pair.one : pair.other);
    if (copier) blame(offences, *copier, {pair.share, *copier == pair.one ? pair.other : pair.one, same});
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
                               offence.at_the_same_time
                                   ? "at the same time, without being of more use on its own samples"
                                   : "later"),
         .factor = spec.overlap_factor,
         .multiplies = Multiplies::kFinalScoreAndAverage,
         .resets = resets,
         .exclude_windows = excludes ? spec.exclusion_windows : 0});
  }
  return effects;
}

}  // namespace templar
