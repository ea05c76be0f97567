#include "core/scoring/agreed_weights.h"

#include <algorithm>
#include <set>
#include <utility>

namespace templar {
namespace {

// Empty if they are all 0.
Weights scaled_to_one(Weights weights) {
  double largest = 0;
  for (const auto& [uid, weight] : weights) largest = std::max(largest, weight);
  if (largest == 0) return {};
  // By the largest first: the sum of numbers of any size may be infinite.
  double sum = 0;
  for (auto& [uid, weight] : weights) sum += weight /= largest;
  std::erase_if(weights, [](const auto& each) { return each.second == 0; });
  for (auto& [uid, weight] : weights) weight /= sum;
  return weights;
}

double share_of(const Weights& weights, uint32_t uid) {
  const auto found = weights.find(uid);
  return found == weights.end() ? 0 : found->second;
}

// The most that more than half of the stake gives.
double lower_median(std::vector<std::pair<double, double>> shares_with_stake) {
  std::ranges::sort(shares_with_stake, std::greater());
  double all = 0;
  for (const auto& [share, stake] : shares_with_stake) all += stake;
  double behind = 0;
  for (const auto& [share, stake] : shares_with_stake) {
    behind += stake;
    if (behind > all / 2) return share;
  }
  return 0;
}

}  // namespace

Weights agreed_weights(const std::vector<StatedWeights>& stated) {
  std::vector<StatedWeights> words;
  std::set<uint32_t> uids;
  for (const StatedWeights& each : stated) {
    StatedWeights word{each.stake, scaled_to_one(each.weights)};
    if (word.stake <= 0 || word.weights.empty()) continue;
    for (const auto& [uid, weight] : word.weights) uids.insert(uid);
    words.push_back(std::move(word));
  }
  Weights medians;
  for (const uint32_t uid : uids) {
    std::vector<std::pair<double, double>> shares;
    for (const StatedWeights& word : words) shares.emplace_back(share_of(word.weights, uid), word.stake);
    medians[uid] = lower_median(std::move(shares));
  }
  return scaled_to_one(std::move(medians));
}

double agreement(const Weights& one, const Weights& other) {
  const Weights ours = scaled_to_one(one);
  const Weights theirs = scaled_to_one(other);
  double common = 0;
  for (const auto& [uid, share] : ours) common += std::min(share, share_of(theirs, uid));
  return common;
}

}  // namespace templar
