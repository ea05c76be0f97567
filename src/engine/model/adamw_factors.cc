#include "engine/model/adamw_factors.h"

#include <cmath>

namespace templar {

AdamwFactors adamw_factors(const InnerSpec& inner, double learning_rate, int64_t t, double gradient_scale) {
  const auto updates = static_cast<double>(t);
  AdamwFactors factors{};
  factors.gradient_scale = static_cast<float>(gradient_scale);
  factors.weight_keep = static_cast<float>(1.0 - learning_rate * inner.weight_decay);
  factors.step_size = static_cast<float>(learning_rate / (1.0 - std::pow(inner.beta1, updates)));
  factors.second_scale = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(inner.beta2, updates)));
  factors.beta1 = static_cast<float>(inner.beta1);
  factors.beta2 = static_cast<float>(inner.beta2);
  factors.epsilon = static_cast<float>(inner.epsilon);
  return factors;
}

}  // namespace templar
