// From the weights that several validators set to what the miners earn. Pure functions.
#pragma once

#include <vector>

#include "core/scoring/weights.h"

namespace templar {

// What a validator says.
struct StatedWeights {
  double stake = 0;  // finite, >= 0
  Weights weights;   // finite, >= 0; of any sum, since nobody but its writer has checked them
};

// Each miner's share of the reward: the median, weighted by stake, of the shares that the validators give it,
// where who leaves a miner out gives it nothing; scaled so that all come to 1. So no validator with less than
// half of the stake can starve or feed a miner. Of exactly two halves the lower word counts: what is paid out
// has more than half of the stake behind it. A validator without stake, or whose weights are all 0, has no
// say. Miners that get nothing are left out; empty where that is all of them.
[[nodiscard]] Weights agreed_weights(const std::vector<StatedWeights>& stated);

// Which part of the reward goes the same way by both: 1 where they say the same, 0 where they have nothing in
// common. Each counts in proportion to its own sum; 0 where one is empty or all 0.
[[nodiscard]] double agreement(const Weights& one, const Weights& other);

}  // namespace templar
