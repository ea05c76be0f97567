#include <fmt/format.h>

#include <algorithm>

#include "core/scoring/rules/rules.h"

namespace templar {
namespace {

// Too early, too late or without a key is missing as well: the gather could not take it.
bool was_missing(const GatherOutcome& outcome) {
  return counts_as_missing(outcome.verdict);
}

int64_t missing_in_a_row(const MinerScore& score) {
  const auto present = std::find_if_not(score.gathers.rbegin(), score.gathers.rend(), was_missing);
  return present - score.gathers.rbegin();
}

// A lost upload happens to everybody, a second one in a row to few; whoever is missing for longer has left,
// and earns nothing until it is back.
double factor_of(int64_t in_a_row, const PenaltySpec& spec) {
  if (in_a_row <= 1) return spec.missing_factor;
  return in_a_row == 2 ? spec.second_missing_factor : spec.later_missing_factor;
}

}  // namespace

std::vector<RuleEffect> penalise_missing(const RuleView& view) {
  const PenaltySpec& spec = view.scoring.penalties;
  std::vector<RuleEffect> effects;
  if (!view.evidence.took_any()) return effects;
  for (const MinerEvidence& miner : view.evidence.miners) {
    if (!miner.gathered || miner.is_present()) continue;
    const MinerScore& score = view.score(miner.uid);
    const int64_t in_a_row = missing_in_a_row(score);
    const int64_t in_all = std::ranges::count_if(score.gathers, was_missing);
    const bool is_often = score.gathers.size() == kRememberedWindows &&
                          static_cast<double>(in_all) >= spec.missing_share_limit * kRememberedWindows;
    const std::string detail = fmt::format(
        "{}, {} in a row, {} of the last {}{}{}", verdict_name(miner.verdict.code), in_a_row, in_all,
        score.gathers.size(), miner.verdict.reason.empty() ? "" : ": ", miner.verdict.reason);
    effects.push_back({.uid = miner.uid,
                       .reason = ScoreReason::kMissing,
                       .detail = detail,
                       .factor = factor_of(in_a_row, spec),
                       .multiplies = Multiplies::kFinalScoreAndAverage,
                       .resets = is_often,
                       .exclude_windows = is_often ? spec.exclusion_windows : 0});
  }
  return effects;
}

}  // namespace templar
