// AdamW (Loshchilov, Hutter 2019) as torch.optim.AdamW computes it, over a flat range of parameters.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bfloat16.h"
#include "base/threads/thread_team.h"
#include "engine/model/adamw_factors.h"

namespace templar {

struct AdamwUpdate {
  float* parameters;
  Bf16* parameters_bf16;  // a rounded copy for the matrix products, not written where null
  const float* gradients;
  float* first_moment;
  float* second_moment;
  AdamwFactors factors;
};

void adamw_update(const AdamwUpdate& update, size_t begin, size_t end);

// The L2 norm. The same for every number of threads: blocks of fixed size are added in order.
[[nodiscard]] double l2_norm(ThreadTeam& team, const float* values, size_t count);

// The bf16 copy of [begin, end).
void round_to_bf16(const float* from, Bf16* to, size_t begin, size_t end);

}  // namespace templar
