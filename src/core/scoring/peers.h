// Whose contributions are gathered, and who stands in for those that are missing. Pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/run/run_spec.h"

namespace templar {

struct PeerCandidate {
  uint32_t uid = 0;
  double weight = 0;      // its share of the reward, as the scoreboard gives it; 0 for a new miner
  bool excluded = false;  // by the scoreboard: gets no place
};

struct PeerSelection {
  std::vector<uint32_t> gather;   // best first
  std::vector<uint32_t> reserve;  // in the order in which they fill holes; none of them is in gather
  bool operator==(const PeerSelection&) const = default;
};

// The gather_peer_count best candidates by weight, equal weights by ascending uid, then the next
// reserve_peer_count. Miners without weight fill places that are left, so at the start of a run it is all
// miners by uid. Excluded ones get none. The order of the candidates does not matter; every uid must be there
// once.
[[nodiscard]] PeerSelection select_peers(std::span<const PeerCandidate> candidates,
                                         const NetworkSpec& network);

// The candidates, followed by those of the registered miners that are not among them, without weight: a miner
// that the scoreboard has not seen yet may still be gathered.
[[nodiscard]] std::vector<PeerCandidate> with_newcomers(std::vector<PeerCandidate> candidates,
                                                        std::span<const uint32_t> registered_miners);

}  // namespace templar
