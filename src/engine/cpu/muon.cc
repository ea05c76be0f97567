#include "engine/cpu/muon.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "engine/cpu/kernels/adamw.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/muon.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

#include "engine/cpu/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace templar {
namespace HWY_NAMESPACE {

// momentum := momentum + (1 − beta)(g − momentum); out := with Nesterov g + beta (momentum − g), else
// momentum.
void advance_momentum(const MuonUpdate& update, float beta, bool nesterov, float* out, size_t begin,
                      size_t end) {
  const auto scale = static_cast<float>(update.gradient_scale);
  for_vectors(end - begin, [&](auto d, size_t offset) HWY_ATTR {
    const size_t i = begin + offset;
    const auto gradient = hn::Mul(load(d, update.gradients + i), hn::Set(d, scale));
    const auto before = load(d, update.momentum + i);
    const auto momentum = hn::MulAdd(hn::Set(d, 1.0F - beta), hn::Sub(gradient, before), before);
    store(d, momentum, update.momentum + i);
    const auto ahead = hn::MulAdd(hn::Set(d, beta), hn::Sub(momentum, gradient), gradient);
    store(d, nesterov ? ahead : momentum, out + i);
  });
}

// to := to_factor · to + from_factor · from
void combine(float to_factor, float* to, float from_factor, const float* from, size_t begin, size_t end) {
  for_vectors(end - begin, [&](auto d, size_t offset) HWY_ATTR {
    const size_t i = begin + offset;
    const auto scaled = hn::Mul(load(d, to + i), hn::Set(d, to_factor));
    store(d, hn::MulAdd(hn::Set(d, from_factor), load(d, from + i), scaled), to + i);
  });
}

// Rows of the parameters: p := keep · p − step · direction
void step_range(const MuonUpdate& update, float keep, float step, const float* direction, size_t begin,
                size_t end) {
  for_vectors(end - begin, [&](auto d, size_t offset) HWY_ATTR {
    const size_t i = begin + offset;
    const auto kept = hn::Mul(load(d, update.parameters + i), hn::Set(d, keep));
    const auto parameter = hn::NegMulAdd(hn::Set(d, step), load(d, direction + i), kept);
    store(d, parameter, update.parameters + i);
    if (update.parameters_bf16 != nullptr) store(d, parameter, update.parameters_bf16 + i);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace templar
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace templar {
namespace {

// Newton-Schulz's polynomial a x + b x³ + c x⁵: steepest at 0, which brings small singular values up in the
// fewest steps; the large ones end between about 0.7 and 1.2, not at 1.
constexpr double kA = 3.4445;
constexpr double kB = -4.7750;
constexpr double kC = 2.0315;
// Keeps the norm of a matrix of zeros from dividing by nothing.
constexpr double kNormFloor = 1e-7;
constexpr double kRmsOfAdamw = 0.2;  // of a typical AdamW update: rates carry over
constexpr size_t kGrain = 4096;
// Edge of the square that is transposed at once: both sides of it stay in the first-level cache.
constexpr int64_t kTile = 32;

// to [columns, rows] := from [rows, columns] transposed.
void transpose(ThreadTeam& team, const float* from, int64_t rows, int64_t columns, float* to) {
  const int64_t tiles = (rows + kTile - 1) / kTile;
  team.for_ranges(tiles, 1, [&](size_t begin, size_t end) {
    for (int64_t tile = begin; tile < static_cast<int64_t>(end); ++tile) {
      const int64_t last_row = std::min(rows, (tile + 1) * kTile);
      for (int64_t column_tile = 0; column_tile < columns; column_tile += kTile) {
        const int64_t last_column = std::min(columns, column_tile + kTile);
        for (int64_t row = tile * kTile; row < last_row; ++row) {
          for (int64_t column = column_tile; column < last_column; ++column) {
            to[column * rows + row] = from[row * columns + column];
          }
        }
      }
    }
  });
}

}  // namespace

HWY_EXPORT(advance_momentum);
HWY_EXPORT(combine);
HWY_EXPORT(step_range);

double muon_scale(MuonScale rule, int64_t rows, int64_t columns) {
  const auto height = static_cast<double>(rows);
  const auto width = static_cast<double>(columns);
  if (rule == MuonScale::kSpectral) return std::sqrt(std::max(1.0, height / width));
  return kRmsOfAdamw * std::sqrt(std::max(height, width));
}

template <typename Scalar>
Muon<Scalar>::Muon(const MuonSpec& spec, int64_t most_values, int64_t longest_short_edge)
    : spec_(spec),
      x_(most_values),
      product_(most_values),
      a_(longest_short_edge * longest_short_edge),
      b_(longest_short_edge * longest_short_edge) {
  if constexpr (!std::is_same_v<Scalar, float>) {
    x_scalar_ = AlignedBuffer<Scalar>(most_values);
    a_scalar_ = AlignedBuffer<Scalar>(longest_short_edge * longest_short_edge);
  }
}

template <typename Scalar>
int64_t Muon<Scalar>::memory_bytes(int64_t most_values, int64_t longest_short_edge) {
  const int64_t copies = std::is_same_v<Scalar, float> ? 0 : sizeof(Scalar);
  return (most_values + longest_short_edge * longest_short_edge) *
         (2 * static_cast<int64_t>(sizeof(float)) + copies);
}

template <typename Scalar>
void Muon<Scalar>::update(const MuonUpdate& update, ThreadTeam& team, MatrixProducts& products) {
  const int64_t count = update.rows * update.columns;
  // Newton-Schulz multiplies by x xᵀ, which is smaller the other way round where x is tall.
  const bool tall = update.rows > update.columns;
  float* advanced = tall ? product_.data() : x_.data();
  team.for_ranges(count, kGrain, [&](size_t begin, size_t end) {
    HWY_DYNAMIC_DISPATCH(advance_momentum)
    (update, static_cast<float>(spec_.momentum), spec_.nesterov, advanced, begin, end);
  });
  if (tall) transpose(team, advanced, update.rows, update.columns, x_.data());
  // The Frobenius norm is at least the largest singular value, so all of them are within 0 .. 1 after this.
  const auto inverse = static_cast<float>(1.0 / (l2_norm(team, x_.data(), count) + kNormFloor));
  team.for_ranges(count, kGrain, [&](size_t begin, size_t end) {
    HWY_DYNAMIC_DISPATCH(combine)(inverse, x_.data(), 0.0F, x_.data(), begin, end);
  });
  orthogonalise(std::min(update.rows, update.columns), std::max(update.rows, update.columns), team, products);
  const float* direction = x_.data();
  if (tall) {
    transpose(team, x_.data(), update.columns, update.rows, product_.data());
    direction = product_.data();
  }
  const auto keep = static_cast<float>(1.0 - update.learning_rate * update.weight_decay);
  const auto step =
      static_cast<float>(update.learning_rate * muon_scale(spec_.scale, update.rows, update.columns));
  team.for_ranges(count, kGrain, [&](size_t begin, size_t end) {
    HWY_DYNAMIC_DISPATCH(step_range)(update, keep, step, direction, begin, end);
  });
}

template <typename Scalar>
const Scalar* Muon<Scalar>::rounded(const float* values, AlignedBuffer<Scalar>& copy, int64_t count,
                                    ThreadTeam& team) {
  if constexpr (std::is_same_v<Scalar, float>) {
    return values;
  } else {
    team.for_ranges(count, kGrain,
                    [&](size_t begin, size_t end) { round_to_bf16(values, copy.data(), begin, end); });
    return copy.data();
  }
}

template <typename Scalar>
void Muon<Scalar>::orthogonalise(int64_t short_edge, int64_t long_edge, ThreadTeam& team,
                                 MatrixProducts& products) {
  const int64_t count = short_edge * long_edge;
  const int64_t square = short_edge * short_edge;
  for (int64_t step = 0; step < spec_.newton_schulz_steps; ++step) {
    const Scalar* x = rounded(x_.data(), x_scalar_, count, team);
    products.multiply(ProductKind::kABt, {short_edge, short_edge, long_edge}, x, x, a_.data());
    const Scalar* a = rounded(a_.data(), a_scalar_, square, team);
    products.multiply(ProductKind::kABt, {short_edge, short_edge, short_edge}, a, a, b_.data());
    team.for_ranges(square, kGrain, [&](size_t begin, size_t end) {
      HWY_DYNAMIC_DISPATCH(combine)
      (static_cast<float>(kC), b_.data(), static_cast<float>(kB), a_.data(), begin, end);
    });
    const Scalar* b = rounded(b_.data(), a_scalar_, square, team);
    products.multiply(ProductKind::kAB, {short_edge, long_edge, short_edge}, b, x, product_.data());
    team.for_ranges(count, kGrain, [&](size_t begin, size_t end) {
      HWY_DYNAMIC_DISPATCH(combine)
      (static_cast<float>(kA), x_.data(), 1.0F, product_.data(), begin, end);
    });
  }
}

template class Muon<float>;
template class Muon<Bf16>;

}  // namespace templar
#endif  // HWY_ONCE
