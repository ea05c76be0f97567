#include "core/scoring/evidence.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace templar {

std::optional<double> LossChange::relative_improvement() const {
  if (!std::isfinite(before) || before <= 0) return std::nullopt;
  if (!std::isfinite(after)) return -std::numeric_limits<double>::infinity();
  return (before - after) / before;
}

bool Evidence::took_any() const {
  return std::ranges::any_of(
      miners, [](const MinerEvidence& miner) { return miner.gathered && miner.verdict.accepted(); });
}

}  // namespace templar
