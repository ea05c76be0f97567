#include "core/scoring/rules/negative_scores.h"

#include <algorithm>
#include <functional>

namespace templar {

bool is_negative(const MeasuredScore& measured) {
  return measured.gradient_score < 0;
}

const MeasuredScore* measured_now(const RuleView& view, uint32_t uid) {
  const auto& measurements = view.score(uid).measurements;
  const bool is_new = !measurements.empty() && measurements.back().window == view.evidence.window;
  return is_new ? &measurements.back() : nullptr;
}

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

}  // namespace templar
