#include "core/scoring/evidence.h"

#include <array>
#include <cmath>
#include <limits>
#include <utility>

namespace templar {
namespace {

constexpr std::array<std::pair<ContributionVerdict, std::string_view>, 5> kVerdictNames = {{
    {ContributionVerdict::kAccepted, "accepted"},
    {ContributionVerdict::kMissing, "missing"},
    {ContributionVerdict::kTooEarly, "too_early"},
    {ContributionVerdict::kTooLate, "too_late"},
    {ContributionVerdict::kInvalid, "invalid"},
}};

}  // namespace

std::string_view verdict_name(ContributionVerdict verdict) {
  for (const auto& [value, name] : kVerdictNames) {
    if (value == verdict) return name;
  }
  return "unknown";
}

std::optional<ContributionVerdict> parse_verdict(std::string_view name) {
  for (const auto& [value, known] : kVerdictNames) {
    if (known == name) return value;
  }
  return std::nullopt;
}

std::optional<double> LossChange::relative_improvement() const {
  if (!std::isfinite(before) || before <= 0) return std::nullopt;
  if (!std::isfinite(after)) return -std::numeric_limits<double>::infinity();
  return (before - after) / before;
}

}  // namespace templar
