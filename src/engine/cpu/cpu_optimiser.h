// The run's inner optimiser on the processor: what it remembers of each parameter, and its update.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/run/parameter_layout.h"
#include "engine/backend.h"
#include "engine/cpu/muon.h"
#include "engine/model/optimiser_plan.h"

namespace templar {

// Scalar as in Muon. Not thread-safe.
template <typename Scalar>
class CpuOptimiser {
 public:
  CpuOptimiser(const InnerSpec& inner, const ParameterLayout& layout);

  // Values of all parameters, in canonical order, side by side; rounded: their bf16 copy, or null.
  struct Values {
    float* parameters = nullptr;
    Bf16* rounded = nullptr;
    const float* gradients = nullptr;
  };
  void update(const OptimiserStep& step, const Values& values, ThreadTeam& team, MatrixProducts& products);

  [[nodiscard]] std::vector<Moment> moments();

  [[nodiscard]] static int64_t moment_bytes(const InnerSpec& inner, const ParameterLayout& layout);
  [[nodiscard]] static int64_t working_bytes(const InnerSpec& inner, const ParameterLayout& layout);

 private:
  // Neighbours of the canonical order that are updated as one: a matrix of Muon's, or parameters of AdamW's.
  struct Piece {
    ParameterUpdate update;
    int64_t begin = 0;         // in the values of all parameters
    int64_t second_begin = 0;  // in the second moments
    int64_t count = 0;
    const ParameterInfo* matrix = nullptr;  // of a Muon update
  };
  void update_adamw(const Piece& piece, const OptimiserStep& step, const Values& values, ThreadTeam& team);

  InnerSpec inner_;
  ParameterLayout layout_;
  std::vector<ParameterUpdate> updates_;
  std::vector<Piece> pieces_;
  ParameterBuffers first_;
  ParameterBuffers second_;
  std::optional<Muon<Scalar>> muon_;
};

}  // namespace templar
