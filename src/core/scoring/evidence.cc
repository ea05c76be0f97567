#include "core/scoring/evidence.h"

#include <cmath>
#include <limits>

namespace templar {

std::optional<double> LossChange::relative_improvement() const {
  if (!std::isfinite(before) || before <= 0) return std::nullopt;
  if (!std::isfinite(after)) return -std::numeric_limits<double>::infinity();
  return (before - after) / before;
}

}  // namespace templar
