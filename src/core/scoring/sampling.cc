#include "core/scoring/sampling.h"

#include <algorithm>
#include <cstddef>

#include "base/random.h"

namespace templar {
namespace {

using Candidates = std::vector<EvaluationCandidate>;

// Candidates ranked by ordinal, best first; cut into bins, the random one of them.
Candidates draw_bin(Candidates candidates, size_t bins, Random& random) {
  std::sort(candidates.begin(), candidates.end(),
            [](const EvaluationCandidate& a, const EvaluationCandidate& b) {
              return a.ordinal != b.ordinal ? a.ordinal > b.ordinal : a.uid < b.uid;
            });
  const size_t bin = random.below(bins);
  const size_t size = candidates.size() / bins;
  const size_t remainder = candidates.size() % bins;
  const size_t begin = bin * size + std::min(bin, remainder);
  const size_t end = begin + size + (bin < remainder ? 1 : 0);
  return {candidates.begin() + begin, candidates.begin() + end};
}

std::vector<uint64_t> waiting_windows(const Candidates& candidates, int64_t window) {
  int64_t longest = 1;
  for (const EvaluationCandidate& candidate : candidates) {
    if (candidate.last_evaluated_window)
      longest = std::max(longest, window - *candidate.last_evaluated_window);
  }
  std::vector<uint64_t> waiting;
  for (const EvaluationCandidate& candidate : candidates) {
    const int64_t windows =
        candidate.last_evaluated_window ? window - *candidate.last_evaluated_window : longest;
    waiting.push_back(std::max<int64_t>(1, windows));
  }
  return waiting;
}

// The index that a draw below the sum of the weights falls on.
size_t index_at(const std::vector<uint64_t>& weights, uint64_t draw) {
  size_t index = 0;
  while (draw >= weights[index]) draw -= weights[index++];
  return index;
}

}  // namespace

std::vector<uint32_t> choose_evaluated_uids(std::span<const EvaluationCandidate> candidates,
                                            const ScoringSpec& scoring, uint64_t seed, int64_t window) {
  const size_t wanted = scoring.uids_per_window;
  const size_t bins = scoring.num_evaluation_bins;
  Candidates pool(candidates.begin(), candidates.end());
  Random random(seed, "evaluated-uids", window);
  if (pool.size() > wanted && pool.size() >= bins * wanted) pool = draw_bin(std::move(pool), bins, random);
  std::sort(pool.begin(), pool.end(),
            [](const EvaluationCandidate& a, const EvaluationCandidate& b) { return a.uid < b.uid; });

  std::vector<uint32_t> chosen;
  if (pool.size() <= wanted) {
    for (const EvaluationCandidate& candidate : pool) chosen.push_back(candidate.uid);
    return chosen;
  }
  std::vector<uint64_t> weights = waiting_windows(pool, window);
  uint64_t total = 0;
  for (uint64_t weight : weights) total += weight;
  while (chosen.size() < wanted) {
    const size_t index = index_at(weights, random.below(total));
    chosen.push_back(pool[index].uid);
    total -= weights[index];
    weights[index] = 0;
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace templar
