// From final scores to the weights by which miners are rewarded. Pure functions.
#pragma once

#include <cstdint>
#include <map>

#include "core/run/run_spec.h"

namespace templar {

// Uid -> share of the reward. Uids that get nothing are left out.
using Weights = std::map<uint32_t, double>;

// The incentive of a window: scoring.burn_rate goes to scoring.burn_uid. Of the rest, gather_share goes to
// the best network.gather_peer_count miners, falling linearly from gather_top_ratio to 1; what is left goes
// to the next reserve_peer_count, each having reserve_decay_ratio of the one before. Where the best reserve
// peer would then have more than the last gather peer, the whole reserve is scaled down to
// reserve_decay_ratio of that one's share; what this sets free, and the reserve's part if there is none, is
// spread over all in proportion.
//
// Only scores above 0 count, equal scores go by ascending uid. While something is burnt, burn_uid has no
// place of its own. The weights sum to 1 (to rounding); where no score counts, burn_uid gets it all. The
// reference computes this in f32, this in double: they agree to 1e-5 relative.
[[nodiscard]] Weights incentive_weights(const std::map<uint32_t, double>& final_scores, const RunSpec& spec);

}  // namespace templar
