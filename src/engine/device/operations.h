// What the device engine asks of a device: memory, matrix products, kernels. CudaOperations has them on a
// card; HostOperations computes the same kernels' arithmetic on the processor, so that all but the card is
// tested without one. A call may return before its work is done; work is done in the order of the calls, and
// download and the methods that return a number wait for it. Pointers are the device's unless a name says
// host. Failures throw BackendFailure, which the engine turns into errors.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/hash.h"
#include "engine/backend_failure.h"
#include "engine/device/attention_math.h"
#include "engine/device/cross_entropy_math.h"
#include "engine/device/element_math.h"
#include "engine/device/norm_math.h"

namespace templar {

// Row-major: kABt: c [m, n] = a [m, k] · b [n, k]ᵀ; kAB: a [m, k] · b [k, n]; kAtB: a [k, m]ᵀ · b [k, n].
enum class DeviceProduct { kABt, kAB, kAtB };

struct DeviceProductSize {
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  int64_t a_row = 0;  // values from row to row of a; 0: they lie side by side
  int64_t c_row = 0;  // the same of c
};

// Where a step's time goes.
enum class DeviceStepPart {
  kProducts,
  kHeadProducts,
  kAttention,
  kNorm,
  kRope,
  kSwiglu,
  kCrossEntropy,
  kEmbedding,
  kOptimiser,
};
inline constexpr size_t kDeviceStepParts = 9;

[[nodiscard]] constexpr const char* device_part_name(DeviceStepPart part) {
  constexpr const char* kNames[kDeviceStepParts] = {"layer products", "head products", "attention",
                                                    "norm",           "rope",          "swiglu",
                                                    "cross-entropy",  "embedding",     "optimiser"};
  return kNames[static_cast<size_t>(part)];
}

// A part of a parameter that the state root hashes as one.
struct DeviceHashBlock {
  const float* values;
  int64_t count;
};

template <typename Scalar>
class Operations {
 public:
  virtual ~Operations() = default;

  // Zeroed; released with the object. Aligned to 256 bytes.
  [[nodiscard]] virtual void* allocate(int64_t bytes) = 0;
  virtual void upload(void* to, const void* host_from, int64_t bytes) = 0;
  virtual void download(void* host_to, const void* from, int64_t bytes) = 0;
  virtual void clear(void* to, int64_t bytes) = 0;
  // What follows belongs to this part, for take_part_seconds().
  virtual void begin_part(DeviceStepPart part) = 0;
  // Parts are measured from now on, or no longer.
  virtual void measure_parts(bool on) = 0;
  // Seconds of each part since the last call; waits. Empty where they aren't measured.
  [[nodiscard]] virtual std::vector<double> take_part_seconds() = 0;

  // c = product, or c = added + product (added may be c itself).
  virtual void multiply(DeviceProduct kind, const DeviceProductSize& size, const Scalar* a, const Scalar* b,
                        Scalar* c, const Scalar* added) = 0;
  // c = product, in f32, or c += product.
  virtual void multiply_to_f32(DeviceProduct kind, const DeviceProductSize& size, const Scalar* a,
                               const Scalar* b, float* c, bool accumulate) = 0;

  virtual void round(const float* from, Scalar* to, int64_t count) = 0;
  virtual void embed(const Embedding<Scalar>& embedding, int64_t tokens) = 0;
  virtual void embed_backward(const EmbeddingBackward<Scalar>& embedding) = 0;
  virtual void norm_forward(const NormForward<Scalar>& norm, int64_t rows) = 0;
  // The weight's gradient goes to d_weight, added with accumulate. norm.weight_partials is working memory,
  // [norm_block_count(rows), width]; norm.rows_a_block is filled in here.
  virtual void norm_backward(NormBackward<Scalar> norm, float* d_weight, bool accumulate) = 0;
  virtual void rotate(const Rope<Scalar>& rope) = 0;
  virtual void attention_forward(const DeviceAttention<Scalar>& attention) = 0;
  virtual void attention_backward(const DeviceAttention<Scalar>& attention) = 0;
  virtual void swiglu_forward(const Swiglu<Scalar>& swiglu, int64_t rows) = 0;
  virtual void swiglu_backward(const Swiglu<Scalar>& swiglu, int64_t rows) = 0;
  virtual void cross_entropy(const DeviceCrossEntropy<Scalar>& rows, int64_t count) = 0;
  virtual void gather_rows(const GatherRows<Scalar>& gather, int64_t count) = 0;
  virtual void adamw(const AdamwStep<Scalar>& step, int64_t count) = 0;

  // total = the sum of `values` in an order that depends on nothing but count, added to total with add.
  virtual void sum(const double* values, int64_t count, double* total, bool add) = 0;
  // total = the sum of the squares, likewise.
  virtual void sum_squares(const float* values, int64_t count, double* total) = 0;

  // Each block's keyed BLAKE2b-256, as the state root has it.
  [[nodiscard]] virtual std::vector<Hash256> hash_blocks(std::span<const DeviceHashBlock> blocks) = 0;
};

// How many blocks of rows the norm's weight gradient is first summed over.
[[nodiscard]] constexpr int64_t norm_block_count(int64_t rows) {
  constexpr int64_t kMostBlocks = 1056;  // what keeps the 132 multiprocessors of a Hopper card full at once
  return rows < kMostBlocks ? rows : kMostBlocks;
}
[[nodiscard]] constexpr int64_t norm_rows_a_block(int64_t rows) {
  return (rows + norm_block_count(rows) - 1) / norm_block_count(rows);
}

}  // namespace templar
