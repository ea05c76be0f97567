// From final scores to the weights by which miners are rewarded. Pure functions.
#pragma once

#include <cstdint>
#include <map>

#include "core/run/run_spec.h"

namespace templar {

// Uid -> share of the reward. Uids that get nothing are left out.
using Weights = std::map<uint32_t, double>;

// The weights of a window. scoring.burn_rate is burnt: it goes to scoring.burn_uid, so that no miner gets it.
// Of the rest, gather_share goes to the best network.gather_peer_count miners, falling linearly from
// gather_top_ratio to 1; the other part goes to the next reserve_peer_count miners, each having
// reserve_decay_ratio of the one before. If the best reserve peer would then get more than the last gather
// peer, all reserve shares are scaled down so that it gets reserve_decay_ratio of that peer's share. What is
// left over then, or all of the reserve's part where there is no reserve, is spread over all of these miners
// in proportion.
//
// Only scores above 0 count; miners of equal score are ranked by ascending uid. While something is burnt,
// burn_uid has no place of its own. The weights sum to 1 (to rounding); where no score counts, burn_uid gets
// it all. The reference computes this in f32, this function in double: they agree to 1e-5 relative.
[[nodiscard]] Weights incentive_weights(const std::map<uint32_t, double>& final_scores, const RunSpec& spec);

}  // namespace templar
