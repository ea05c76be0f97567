#include "support/metagraph.h"

#include <algorithm>

#include "base/check.h"
#include "base/random.h"
#include "support/test_key.h"

namespace templar::testing {
namespace {

constexpr int64_t kWindowsActive = 3;

template <typename T>
void shuffle(std::vector<T>& values, Random& random) {
  for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random.below(i)]);
}

// 1, 2, 3, ... of their sum, then zeros; shuffled.
std::vector<double> make_incentives(const MetagraphOptions& options) {
  CHECK(options.with_incentive <= options.miners);
  std::vector<double> incentives(options.miners, 0.0);
  const double sum = 0.5 * options.with_incentive * (options.with_incentive + 1.0);
  for (uint32_t i = 0; i < options.with_incentive; ++i) incentives[i] = (i + 1.0) / sum;
  Random random(options.seed, "metagraph-incentives");
  shuffle(incentives, random);
  return incentives;
}

}  // namespace

Metagraph make_metagraph(const MetagraphOptions& options) {
  const std::vector<double> incentives = make_incentives(options);
  Metagraph metagraph;
  for (uint32_t i = 0; i < options.miners; ++i) {
    metagraph.miners.push_back({.uid = options.first_uid + i, .incentive = incentives[i]});
  }
  return metagraph;
}

const MetagraphMiner& Metagraph::miner(uint32_t uid) const {
  CHECK(!miners.empty() && uid >= miners.front().uid);
  return miners.at(uid - miners.front().uid);
}

std::vector<WeightEntry> Metagraph::weights() const {
  std::vector<WeightEntry> all;
  for (const MetagraphMiner& miner : miners) all.push_back({miner.uid, miner.incentive});
  return all;
}

std::vector<uint32_t> Metagraph::uids() const {
  std::vector<uint32_t> all;
  for (const MetagraphMiner& miner : miners) all.push_back(miner.uid);
  return all;
}

std::vector<PeerCandidate> Metagraph::candidates(const std::vector<uint32_t>& active) const {
  std::vector<PeerCandidate> all;
  for (const MetagraphMiner& miner : miners) {
    const uint32_t uid = miner.uid;
    const bool is_active = std::binary_search(active.begin(), active.end(), uid);
    all.push_back({.uid = uid, .weight = miner.incentive, .excluded = !is_active});
  }
  return all;
}

std::vector<uint32_t> choose_active(const Metagraph& metagraph, size_t count, uint64_t seed) {
  std::vector<uint32_t> uids = metagraph.uids();
  CHECK(count <= uids.size());
  Random random(seed, "metagraph-active");
  shuffle(uids, random);
  uids.resize(count);
  std::sort(uids.begin(), uids.end());
  return uids;
}

Scoreboard make_scoreboard(const Metagraph& metagraph, const std::vector<uint32_t>& active, int64_t window,
                           const RunSpec& spec) {
  Scoreboard board;
  for (int64_t past = std::max<int64_t>(0, window - kWindowsActive + 1); past <= window; ++past) {
    Evidence evidence = {.window = past, .outer_step = past, .miners = {}};
    for (const uint32_t uid : active) {
      const MetagraphMiner& miner = metagraph.miner(uid);
      const double improvement = 0.01 + miner.incentive;
      evidence.miners.push_back({.uid = uid,
                                 .key = test_key(uid).public_key(),
                                 .verdict = {},
                                 .evaluation = Evaluation{.own = {4.0, 4.0 * (1 - 1.5 * improvement)},
                                                          .unassigned = {4.0, 4.0 * (1 - improvement)}},
                                 .steps_behind = 0,
                                 .possession_proof_fits = true});
    }
    board = advance_scoreboard(board, evidence, spec).scoreboard;
  }
  return board;
}

}  // namespace templar::testing
