// Muon (Jordan et al. 2024) for one matrix: momentum, made nearly orthogonal by a few Newton-Schulz steps, so
// that all directions of the matrix are learnt at the same speed. As muon.json of the test vectors states it.
#pragma once

#include <cstdint>

#include "base/bfloat16.h"
#include "base/threads/thread_team.h"
#include "core/run/run_spec.h"
#include "engine/cpu/kernels/aligned_buffer.h"
#include "engine/cpu/kernels/matmul.h"

namespace templar {

// One matrix [rows, columns], row-major, and its update.
struct MuonUpdate {
  int64_t rows = 0;
  int64_t columns = 0;
  float* parameters = nullptr;
  Bf16* parameters_bf16 = nullptr;  // a rounded copy for the matrix products, not written where null
  const float* gradients = nullptr;
  float* momentum = nullptr;
  double gradient_scale = 1;  // the clip coefficient
  double learning_rate = 0;
  double weight_decay = 0;
};

// By what the orthogonal matrix is multiplied, besides the learning rate.
[[nodiscard]] double muon_scale(MuonScale rule, int64_t rows, int64_t columns);

// Scalar: the type of the operands of Newton-Schulz's matrix products, whose sums are f32. Not thread-safe.
template <typename Scalar>
class Muon {
 public:
  // Working memory for matrices of at most most_values values, whose shorter edge is at most
  // longest_short_edge.
  Muon(const MuonSpec& spec, int64_t most_values, int64_t longest_short_edge);
  [[nodiscard]] static int64_t memory_bytes(int64_t most_values, int64_t longest_short_edge);

  // The same bits for every number of threads where the products give them. A matrix of zeros stays.
  void update(const MuonUpdate& update, ThreadTeam& team, MatrixProducts& products);

 private:
  // Replaces x_ [short, long] by the nearest matrix with orthonormal rows, approximately.
  void orthogonalise(int64_t short_edge, int64_t long_edge, ThreadTeam& team, MatrixProducts& products);
  [[nodiscard]] const Scalar* rounded(const float* values, AlignedBuffer<Scalar>& copy, int64_t count,
                                      ThreadTeam& team);

  MuonSpec spec_;
  AlignedBuffer<float> x_;                     // [short, long]
  AlignedBuffer<float> product_;               // the same: B x
  AlignedBuffer<float> a_;                     // [short, short]: x xᵀ
  AlignedBuffer<float> b_;                     // the same: b A + c A A
  AlignedBuffer<Scalar> x_scalar_, a_scalar_;  // for products in bf16: x; A, then B
};

}  // namespace templar
