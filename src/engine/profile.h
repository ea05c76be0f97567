// Where a training step's time goes.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include "base/clock.h"

namespace templar {

enum class Phase {
  kEmbedding,
  kNorm,
  kLayerProducts,  // matrix products of the layers, forward and backward
  kAttention,
  kSwiglu,
  kHeadProducts,
  kCrossEntropy,
  kOptimiser,
};
inline constexpr size_t kPhaseCount = 8;

[[nodiscard]] constexpr const char* phase_name(Phase phase) {
  constexpr std::array<const char*, kPhaseCount> kNames = {"embedding",     "norm",     "layer products",
                                                           "attention",     "swiglu",   "head products",
                                                           "cross-entropy", "optimiser"};
  return kNames[std::to_underlying(phase)];
}

struct Profile {
  std::array<double, kPhaseCount> seconds{};
};

// Adds its lifetime to a phase.
class PhaseTimer {
 public:
  PhaseTimer(Profile& profile, Phase phase) : seconds_(profile.seconds[std::to_underlying(phase)]) {}
  ~PhaseTimer() { seconds_ += stopwatch_.seconds(); }
  PhaseTimer(const PhaseTimer&) = delete;
  PhaseTimer& operator=(const PhaseTimer&) = delete;

 private:
  double& seconds_;
  Stopwatch stopwatch_;
};

}  // namespace templar
