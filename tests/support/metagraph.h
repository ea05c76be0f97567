// A network of many miners as the ledger and the scoreboard would show it, without running any of them.
#pragma once

#include <vector>

#include "core/scoring/scoreboard.h"
#include "ports/ledger.h"

namespace templar::testing {

struct MetagraphOptions {
  uint32_t miners = 250;
  uint32_t with_incentive = 100;  // their incentives sum to 1, the others have 0
  uint32_t first_uid = 0;         // the number of validators, where it must fit TestPorts
  uint64_t seed = 1;              // who they are
};

struct MetagraphMiner {
  uint32_t uid = 0;
  double incentive = 0;
};

// Ascending by uid, without a gap. Incentives are all different among those who have one, and shuffled over
// the uids.
struct Metagraph {
  std::vector<MetagraphMiner> miners;

  [[nodiscard]] const MetagraphMiner& miner(uint32_t uid) const;
  [[nodiscard]] std::vector<WeightEntry> weights() const;
  [[nodiscard]] std::vector<uint32_t> uids() const;
  // For select_peers(): everybody but the active ones is excluded.
  [[nodiscard]] std::vector<PeerCandidate> candidates(const std::vector<uint32_t>& active) const;
};

[[nodiscard]] Metagraph make_metagraph(const MetagraphOptions& options = {});

// That many of its uids, ascending: 0, some or all of them.
[[nodiscard]] std::vector<uint32_t> choose_active(const Metagraph& metagraph, size_t count,
                                                  uint64_t seed = 2);

// What a validator of such a network knows after the given window, if exactly these uids have been active:
// each of them was evaluated in that window and in the ones before, and the higher its incentive, the better
// its scores. The inactive ones are unknown to it.
[[nodiscard]] Scoreboard make_scoreboard(const Metagraph& metagraph, const std::vector<uint32_t>& active,
                                         int64_t window, const RunSpec& spec);

}  // namespace templar::testing
