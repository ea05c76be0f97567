#include "core/scoring/weights.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace templar {
namespace {

std::vector<uint32_t> rank_by_score(const std::map<uint32_t, double>& final_scores,
                                    const ScoringSpec& scoring) {
  std::vector<uint32_t> ranked;
  for (const auto& [uid, score] : final_scores) {
    const bool is_burnt = scoring.burn_rate > 0 && uid == static_cast<uint32_t>(scoring.burn_uid);
    if (score > 0 && !is_burnt) ranked.push_back(uid);
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [&](uint32_t a, uint32_t b) { return final_scores.at(a) > final_scores.at(b); });
  return ranked;
}

void scale_to_sum(std::vector<double>& shares, double wanted) {
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  for (double& share : shares) share *= wanted / sum;
}

std::vector<double> linear_profile(size_t count, double first) {
  std::vector<double> profile;
  for (size_t i = 0; i < count; ++i) {
    const double position = count > 1 ? static_cast<double>(i) / static_cast<double>(count - 1) : 0.0;
    profile.push_back(first + (1.0 - first) * position);
  }
  return profile;
}

std::vector<double> geometric_profile(size_t count, double ratio) {
  std::vector<double> profile;
  double value = 1.0;
  for (size_t i = 0; i < count; ++i, value *= ratio) profile.push_back(value);
  return profile;
}

void cap_reserve(std::vector<double>& reserve, const std::vector<double>& gather, double decay_ratio) {
  if (gather.empty()) return;
  const double lowest = *std::min_element(gather.begin(), gather.end());
  if (reserve.front() <= lowest) return;
  const double factor = lowest / reserve.front() * decay_ratio;
  for (double& share : reserve) share *= factor;
}

}  // namespace

Weights incentive_weights(const std::map<uint32_t, double>& final_scores, const RunSpec& spec) {
  const ScoringSpec& scoring = spec.scoring;
  const std::vector<uint32_t> ranked = rank_by_score(final_scores, scoring);
  const auto burn_uid = static_cast<uint32_t>(scoring.burn_uid);
  if (ranked.empty()) return {{burn_uid, 1.0}};

  const size_t gather_count = std::min<size_t>(ranked.size(), spec.network.gather_peer_count);
  const size_t reserve_count =
      std::min<size_t>(ranked.size() - gather_count, spec.network.reserve_peer_count);
  std::vector<double> shares = linear_profile(gather_count, scoring.gather_top_ratio);
  scale_to_sum(shares, scoring.gather_share);
  if (reserve_count > 0) {
    std::vector<double> reserve = geometric_profile(reserve_count, scoring.reserve_decay_ratio);
    scale_to_sum(reserve, 1.0 - scoring.gather_share);
    cap_reserve(reserve, shares, scoring.reserve_decay_ratio);
    shares.insert(shares.end(), reserve.begin(), reserve.end());
  }
  if (std::accumulate(shares.begin(), shares.end(), 0.0) <= 0) return {{burn_uid, 1.0}};
  scale_to_sum(shares, 1.0 - scoring.burn_rate);

  Weights weights;
  if (scoring.burn_rate > 0) weights[burn_uid] = scoring.burn_rate;
  for (size_t i = 0; i < shares.size(); ++i) {
    if (shares[i] > 0) weights[ranked[i]] = shares[i];
  }
  return weights;
}

}  // namespace templar
