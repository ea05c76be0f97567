// Root-mean-square normalisation (Zhang, Sennrich 2019), a group of threads to a row.
#pragma once

#include "engine/device/portable.h"

namespace templar {

// x and normed [rows, width]; normed = x · inverse_rms · weight, inverse_rms = 1/√(mean(x²) + epsilon).
template <typename Scalar>
struct NormForward {
  const Scalar* x;
  const float* weight;
  Scalar* normed;
  float* inverse_rms;  // one a row
  int64_t width;
  float epsilon;
};

// The gradient of the same. d_x [rows, width] = what flows back through the norm, added to d_x with add.
// weight_partials [blocks, width]: the weight's gradient summed over each block of rows.
template <typename Scalar>
struct NormBackward {
  const Scalar* x;
  const float* inverse_rms;
  const float* weight;
  const Scalar* d_normed;
  Scalar* d_x;
  float* weight_partials;
  int64_t width;
  int64_t rows;
  int64_t rows_a_block;
  bool add;
};

// kPack divides the width; the group's threads times kPack · kChunks cover it.
TEMPLAR_ANY_GROUP template <int kPack, int kChunks, typename Scalar, typename Group>
TEMPLAR_DEVICE void norm_forward_row(const NormForward<Scalar>& norm, int64_t row, Group& group) {
  float x[kChunks][kPack];
  float squares = 0;
  for (int chunk = 0; chunk < kChunks; ++chunk) {
    const int64_t at = (chunk * group.size() + group.rank()) * kPack;
    if (at >= norm.width) break;
    const auto pack = load_pack<kPack>(norm.x + row * norm.width + at);
    for (int i = 0; i < kPack; ++i) {
      x[chunk][i] = to_f32(pack.values[i]);
      squares += x[chunk][i] * x[chunk][i];
    }
  }
  const float mean = group.sum(squares) / static_cast<float>(norm.width);
  const float inverse = 1.0F / sqrtf(mean + norm.epsilon);
  if (group.rank() == 0) norm.inverse_rms[row] = inverse;
  for (int chunk = 0; chunk < kChunks; ++chunk) {
    const int64_t at = (chunk * group.size() + group.rank()) * kPack;
    if (at >= norm.width) break;
    const auto weight = load_pack<kPack>(norm.weight + at);
    for (int i = 0; i < kPack; ++i) x[chunk][i] = x[chunk][i] * inverse * weight.values[i];
    store_pack(norm.normed + row * norm.width + at, x[chunk]);
  }
}

// With u = x·r (r the inverse rms) and g = d_normed·weight: dx = r·(g − u·mean(g·u)), dweight = Σ d_normed·u.
TEMPLAR_ANY_GROUP template <int kPack, int kChunks, typename Scalar, typename Group>
TEMPLAR_DEVICE void norm_backward_row(const NormBackward<Scalar>& norm, int64_t row, Group& group,
                                      float (&weight_sums)[kChunks][kPack]) {
  float unit[kChunks][kPack];
  float upstream[kChunks][kPack];
  const float inverse = norm.inverse_rms[row];
  float dot = 0;
  for (int chunk = 0; chunk < kChunks; ++chunk) {
    const int64_t at = (chunk * group.size() + group.rank()) * kPack;
    if (at >= norm.width) break;
    const auto x = load_pack<kPack>(norm.x + row * norm.width + at);
    const auto d_normed = load_pack<kPack>(norm.d_normed + row * norm.width + at);
    const auto weight = load_pack<kPack>(norm.weight + at);
    for (int i = 0; i < kPack; ++i) {
      unit[chunk][i] = to_f32(x.values[i]) * inverse;
      upstream[chunk][i] = to_f32(d_normed.values[i]);
      weight_sums[chunk][i] += upstream[chunk][i] * unit[chunk][i];
      upstream[chunk][i] *= weight.values[i];
      dot += upstream[chunk][i] * unit[chunk][i];
    }
  }
  const float mean = group.sum(dot) / static_cast<float>(norm.width);
  for (int chunk = 0; chunk < kChunks; ++chunk) {
    const int64_t at = (chunk * group.size() + group.rank()) * kPack;
    if (at >= norm.width) break;
    Scalar* d_x = norm.d_x + row * norm.width + at;
    for (int i = 0; i < kPack; ++i) {
      upstream[chunk][i] = inverse * (upstream[chunk][i] - unit[chunk][i] * mean);
    }
    if (norm.add) {
      const auto before = load_pack<kPack>(static_cast<const Scalar*>(d_x));
      for (int i = 0; i < kPack; ++i) upstream[chunk][i] += to_f32(before.values[i]);
    }
    store_pack(d_x, upstream[chunk]);
  }
}

// A block of rows one after the other; the weight's gradient is kept in registers until their end.
TEMPLAR_ANY_GROUP template <int kPack, int kChunks, typename Scalar, typename Group>
TEMPLAR_DEVICE void norm_backward_block(const NormBackward<Scalar>& norm, int64_t block, Group& group) {
  float weight_sums[kChunks][kPack] = {};
  const int64_t begin = block * norm.rows_a_block;
  const int64_t end = begin + norm.rows_a_block < norm.rows ? begin + norm.rows_a_block : norm.rows;
  for (int64_t row = begin; row < end; ++row) norm_backward_row(norm, row, group, weight_sums);
  for (int chunk = 0; chunk < kChunks; ++chunk) {
    const int64_t at = (chunk * group.size() + group.rank()) * kPack;
    if (at >= norm.width) break;
    store_pack(norm.weight_partials + block * norm.width + at, weight_sums[chunk]);
  }
}

// out[column] = the sum over the rows of `partials` [rows, width], in their order, added to out with add.
TEMPLAR_DEVICE void sum_column(const float* partials, int64_t rows, int64_t width, int64_t column, float* out,
                               bool add) {
  float sum = add ? out[column] : 0.0F;
  for (int64_t row = 0; row < rows; ++row) sum += partials[row * width + column];
  out[column] = sum;
}

}  // namespace templar
