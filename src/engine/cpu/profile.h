// Where a training step's time goes.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

#include "base/clock.h"

namespace templar {

// What a training step is made of.
enum class StepPart {
  kEmbedding,
  kNorm,
  kLayerProducts,  // matrix products of the layers, forward and backward
  kAttention,
  kSwiglu,
  kHeadProducts,
  kCrossEntropy,
  kOptimiser,
};
inline constexpr size_t kStepParts = 8;

[[nodiscard]] constexpr std::string_view name_of(StepPart part) {
  constexpr std::array<std::string_view, kStepParts> kNames = {"embedding",     "norm",     "layer products",
                                                               "attention",     "swiglu",   "head products",
                                                               "cross-entropy", "optimiser"};
  return kNames[std::to_underlying(part)];
}

struct Profile {
  std::array<double, kStepParts> seconds{};  // by StepPart
};

// Adds its lifetime to a part's seconds.
class PartTimer {
 public:
  PartTimer(Profile& profile, StepPart part) : seconds_(profile.seconds[std::to_underlying(part)]) {}
  ~PartTimer() { seconds_ += stopwatch_.seconds(); }
  PartTimer(const PartTimer&) = delete;
  PartTimer& operator=(const PartTimer&) = delete;

 private:
  double& seconds_;
  Stopwatch stopwatch_;
};

}  // namespace templar
