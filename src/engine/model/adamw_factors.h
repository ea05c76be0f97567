// The numbers of one AdamW update, worked out once for all values.
#pragma once

#include <cstdint>

#include "core/run/run_spec.h"

namespace templar {

struct AdamwFactors {
  float gradient_scale;  // the clip coefficient
  float weight_keep;     // 1 − learning rate · weight decay
  float step_size;       // learning rate / (1 − beta1^t)
  float second_scale;    // 1 / √(1 − beta2^t)
  float beta1;
  float beta2;
  float epsilon;
};

// Of update number t, counted from 1.
[[nodiscard]] AdamwFactors adamw_factors(const InnerSpec& inner, double learning_rate, int64_t t,
                                         double gradient_scale);

}  // namespace templar
