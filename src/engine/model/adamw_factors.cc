#include "engine/model/adamw_factors.h"

#include <cmath>

namespace templar {

namespace {

// By multiplications alone: the C library's pow has a last bit of its own.
double power(double base, int64_t exponent) {
  double result = 1;
  for (; exponent > 0; exponent /= 2, base *= base) {
    if (exponent % 2 == 1) result *= base;
  }
  return result;
}

}  // namespace

AdamwFactors adamw_factors(const InnerSpec& inner, double learning_rate, int64_t t, double gradient_scale) {
  AdamwFactors factors{};
  factors.gradient_scale = static_cast<float>(gradient_scale);
  factors.weight_keep = static_cast<float>(1.0 - learning_rate * inner.weight_decay);
  factors.step_size = static_cast<float>(learning_rate / (1.0 - power(inner.beta1, t)));
  factors.second_scale = static_cast<float>(1.0 / std::sqrt(1.0 - power(inner.beta2, t)));
  factors.beta1 = static_cast<float>(inner.beta1);
  factors.beta2 = static_cast<float>(inner.beta2);
  factors.epsilon = static_cast<float>(inner.epsilon);
  return factors;
}

}  // namespace templar
