#include "core/run/exact_cosine.h"

#include "base/check.h"

namespace templar {
namespace {

constexpr double kPi = 3.14159265358979323846;

// For 0 <= m <= n: a Taylor series on at most pi/4, where its 21st power is below the last bit.
double quarter_cosine(int64_t m, int64_t n) {
  const bool near_zero = 2 * m <= n;
  const double x = kPi * static_cast<double>(near_zero ? m : n - m) / static_cast<double>(2 * n);
  const double square = x * x;
  double sum = 1.0;
  for (int power = near_zero ? 20 : 21; power > 1; power -= 2)
    sum = 1.0 - sum * square / (power * (power - 1));
  return near_zero ? sum : sum * x;
}

}  // namespace

double exact_cosine(int64_t m, int64_t n) {
  CHECK(n >= 1 && m >= 0 && m <= 2 * n);
  return m <= n ? quarter_cosine(m, n) : -quarter_cosine(2 * n - m, n);
}

}  // namespace templar
