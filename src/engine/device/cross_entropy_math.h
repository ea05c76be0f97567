// Cross-entropy of predicting one token among the vocabulary, its gradient, and how probable the token is; a
// group of threads to a row.
#pragma once

#include "engine/device/portable.h"

namespace templar {

// A row without a target: it costs nothing and its gradient is 0.
inline constexpr uint32_t kNoDeviceTarget = 0xffffffffU;

// logits [rows, vocab], row_length apart. targets and losses (nats, 0 without a target): one a row. d_logits
// [rows, vocab], row_length apart, = (softmax(logits) − one_hot(target)) · scale; not written where null; may
// be logits itself. greedy, if not null: 1 where the target is the most probable token, of equal ones the
// lowest.
template <typename Scalar>
struct DeviceCrossEntropy {
  const float* logits;
  const uint32_t* targets;
  double* losses;
  Scalar* d_logits;
  uint8_t* greedy;
  int64_t vocab;
  int64_t row_length;
  float scale;
};

// The sum of exp(x − highest) over a row, found in one pass. NaN values make the sum NaN.
struct RowSum {
  float highest;
  float sum;
};

TEMPLAR_ANY_GROUP template <int kPack, typename Group>
TEMPLAR_DEVICE RowSum sum_exponentials(const float* logits, int64_t vocab, Group& group) {
  float highest = -INFINITY;
  float sum = 0;
  for (int64_t at = group.rank() * kPack; at < vocab; at += group.size() * kPack) {
    const auto pack = load_pack<kPack>(logits + at);
    float largest = pack.values[0];
    for (int i = 1; i < kPack; ++i) largest = fmaxf(largest, pack.values[i]);
    if (largest > highest) {
      sum *= expf(highest - largest);
      highest = largest;
    }
    for (int i = 0; i < kPack; ++i) sum += expf(pack.values[i] - highest);
  }
  const float of_all = group.max(highest);
  // A thread without values has highest −∞ and sum 0.
  const float rescaled = sum == 0.0F ? 0.0F : sum * expf(highest - of_all);
  return {of_all, group.sum(rescaled)};
}

TEMPLAR_ANY_GROUP template <int kPack, typename Scalar, typename Group>
TEMPLAR_DEVICE void clear_gradient_row(const DeviceCrossEntropy<Scalar>& rows, int64_t row, Group& group) {
  if (rows.d_logits == nullptr) return;
  const float zeros[kPack] = {};
  for (int64_t at = group.rank() * kPack; at < rows.vocab; at += group.size() * kPack) {
    store_pack(rows.d_logits + row * rows.row_length + at, zeros);
  }
}

TEMPLAR_ANY_GROUP template <int kPack, typename Scalar, typename Group>
TEMPLAR_DEVICE void cross_entropy_row(const DeviceCrossEntropy<Scalar>& rows, int64_t row, Group& group) {
  const uint32_t target = rows.targets[row];
  if (target == kNoDeviceTarget) {
    if (group.rank() == 0) rows.losses[row] = 0;
    clear_gradient_row<kPack>(rows, row, group);
    return;
  }
  const float* logits = rows.logits + row * rows.row_length;
  const float target_logit = logits[target];
  const RowSum found = sum_exponentials<kPack>(logits, rows.vocab, group);
  if (group.rank() == 0) {
    rows.losses[row] = ::log(static_cast<double>(found.sum)) + static_cast<double>(found.highest) -
                       static_cast<double>(target_logit);
  }
  if (rows.greedy != nullptr) {
    int64_t first = rows.vocab;
    for (int64_t at = group.rank(); at < rows.vocab && first == rows.vocab; at += group.size()) {
      if (logits[at] == found.highest) first = at;
    }
    first = group.min(first);
    if (group.rank() == 0) rows.greedy[row] = first == static_cast<int64_t>(target) ? 1 : 0;
  }
  if (rows.d_logits == nullptr) return;
  group.wait();  // d_logits may be logits, whose target another thread has yet to read
  const float factor = rows.scale / found.sum;
  for (int64_t at = group.rank() * kPack; at < rows.vocab; at += group.size() * kPack) {
    const auto pack = load_pack<kPack>(logits + at);
    float out[kPack];
    for (int i = 0; i < kPack; ++i) {
      out[i] = expf(pack.values[i] - found.highest) * factor;
      if (at + i == static_cast<int64_t>(target)) out[i] -= rows.scale;
    }
    store_pack(rows.d_logits + row * rows.row_length + at, out);
  }
}

}  // namespace templar
