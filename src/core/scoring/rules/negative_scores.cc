// Contributions that make the model worse: what is known of one is a noisy measurement on a few samples, so
// these rules look at several.
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "core/scoring/rules/rules.h"

namespace templar {
namespace {

bool is_negative(const MeasuredScore& measured) {
  return measured.gradient_score < 0;
}

// The miner's score in this window; nullptr if it was not measured in it.
const MeasuredScore* measured_now(const RuleView& view, uint32_t uid) {
  const auto& measurements = view.score(uid).measurements;
  const bool is_new = !measurements.empty() && measurements.back().window == view.evidence.window;
  return is_new ? &measurements.back() : nullptr;
}

}  // namespace

bool negatives_are_waived(const RuleView& view) {
  std::vector<double> scores;
  for (const MinerEvidence& miner : view.evidence.miners) {
    if (const MeasuredScore* measured = measured_now(view, miner.uid))
      scores.push_back(measured->gradient_score);
  }
  if (scores.empty()) return false;
  std::ranges::sort(scores, std::greater());
  const size_t middle = (scores.size() + 1) / 2;
  const size_t rank = std::min<size_t>(view.scoring.penalties.negative_waiver_rank, middle);
  return scores[rank - 1] < 0;
}

std::vector<RuleEffect> penalise_negative_share(const RuleView& view) {
  const PenaltySpec& spec = view.scoring.penalties;
  std::vector<RuleEffect> effects;
  if (negatives_are_waived(view)) return effects;
  for (const MinerEvidence& miner : view.evidence.miners) {
    const auto& measurements = view.score(miner.uid).measurements;
    if (measured_now(view, miner.uid) == nullptr || measurements.size() < kRememberedWindows) continue;
    const int64_t negative = std::ranges::count_if(measurements, is_negative);
    if (static_cast<double>(negative) <= spec.negative_share_limit * kRememberedWindows) continue;
    effects.push_back({.uid = miner.uid,
                       .reason = ScoreReason::kNegativeShare,
                       .detail = fmt::format("{} of its last {} gradient scores are below 0", negative,
                                             measurements.size()),
                       .factor = spec.negative_factor,
                       .multiplies = Multiplies::kFinalScoreAndAverage});
  }
  return effects;
}

std::vector<RuleEffect> exclude_negatives_in_a_row(const RuleView& view) {
  const int64_t limit = view.scoring.penalties.negatives_in_a_row;
  std::vector<RuleEffect> effects;
  if (negatives_are_waived(view)) return effects;
  for (const MinerEvidence& miner : view.evidence.miners) {
    const MinerScore& score = view.score(miner.uid);
    if (measured_now(view, miner.uid) == nullptr || score.awaits_gain) continue;
    const auto gain = std::find_if_not(score.measurements.rbegin(), score.measurements.rend(), is_negative);
    const int64_t in_a_row = gain - score.measurements.rbegin();
    if (in_a_row < limit) continue;
    effects.push_back({.uid = miner.uid,
                       .reason = ScoreReason::kNegativesInARow,
                       .detail = fmt::format("{} gradient scores below 0 in a row", in_a_row),
                       .exclude_until_gain = true});
  }
  return effects;
}

}  // namespace templar
