// Kernels whose group of threads works on a row: cross-entropy, the plain attention, sums, hashes.
#include "engine/cuda/block.cuh"

namespace templar {
namespace {

constexpr int kCrossEntropyThreads = 512;
constexpr int kAttentionThreads = 128;
constexpr int kSumThreads = 256;
constexpr int kHashThreads = 32;

template <int kPack, typename Scalar>
__global__ void __launch_bounds__(kCrossEntropyThreads) cross_entropy_rows(DeviceCrossEntropy<Scalar> rows) {
  Block<kCrossEntropyThreads> block;
  cross_entropy_row<kPack>(rows, blockIdx.x, block);
}

enum class AttentionPart { kForward, kQueries, kKeys };

template <AttentionPart kPart, typename Scalar>
__global__ void __launch_bounds__(kAttentionThreads) attention_rows(DeviceAttention<Scalar> attention) {
  extern __shared__ float scratch[];
  Block<kAttentionThreads> block;
  if constexpr (kPart == AttentionPart::kForward)
    attention_forward_row(attention, blockIdx.x, scratch, block);
  if constexpr (kPart == AttentionPart::kQueries)
    attention_backward_query(attention, blockIdx.x, scratch, block);
  if constexpr (kPart == AttentionPart::kKeys) attention_backward_key(attention, blockIdx.x, scratch, block);
}

template <AttentionPart kPart, typename Scalar>
cudaError_t launch_attention(const DeviceAttention<Scalar>& attention, int64_t heads, cudaStream_t stream) {
  const int64_t bytes = attention_scratch(attention.shape) * static_cast<int64_t>(sizeof(float));
  const auto kernel = attention_rows<kPart, Scalar>;
  const cudaError_t error =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
  if (error != cudaSuccess) return error;
  const auto rows = static_cast<unsigned>(attention.shape.tokens() * heads);
  kernel<<<rows, kAttentionThreads, static_cast<size_t>(bytes), stream>>>(attention);
  return cudaGetLastError();
}

template <bool kSquares, typename T>
__global__ void __launch_bounds__(kSumThreads) sum_parts(const T* values, int64_t count, double* partials) {
  Block<kSumThreads> block;
  double sum = 0;
  const int64_t step = static_cast<int64_t>(gridDim.x) * kSumThreads;
  int64_t at = static_cast<int64_t>(blockIdx.x) * kSumThreads + threadIdx.x;
  if constexpr (kSquares) {
    // Few f32 squares at a time, so that double arithmetic stays out of the way and nothing that matters is
    // lost.
    for (; at * 4 + 3 < count; at += step) {
      const auto pack = load_pack<4>(values + at * 4);
      float squares = 0;
      for (int i = 0; i < 4; ++i) squares += pack.values[i] * pack.values[i];
      sum += static_cast<double>(squares);
    }
    for (int64_t rest = count / 4 * 4 + threadIdx.x; blockIdx.x == 0 && rest < count; rest += kSumThreads) {
      sum += static_cast<double>(values[rest]) * static_cast<double>(values[rest]);
    }
  } else {
    for (; at < count; at += step) sum += values[at];
  }
  sum = block.sum_double(sum);
  if (threadIdx.x == 0) partials[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(kSumThreads) sum_partials(const double* partials, double* total, bool add) {
  Block<kSumThreads> block;
  double sum = 0;
  for (int64_t at = threadIdx.x; at < kSumPartials; at += kSumThreads) sum += partials[at];
  sum = block.sum_double(sum);
  if (threadIdx.x == 0) *total = add ? *total + sum : sum;
}

__global__ void __launch_bounds__(kHashThreads)
    hash_parts(BlakeKey key, const float* const* values, const int64_t* counts, int64_t count,
               uint64_t* hashes) {
  const int64_t part = static_cast<int64_t>(blockIdx.x) * kHashThreads + threadIdx.x;
  if (part >= count) return;
  uint64_t words[4];
  blake2b_256_of_values(key, values[part], counts[part], words);
  for (int i = 0; i < 4; ++i) hashes[part * 4 + i] = words[i];
}

}  // namespace

template <typename Scalar>
cudaError_t launch_cross_entropy(const DeviceCrossEntropy<Scalar>& rows, int64_t count, cudaStream_t stream) {
  const bool packed = packs(rows.logits, rows.vocab) && rows.row_length % kPackSize == 0 &&
                      (rows.d_logits == nullptr || packs(rows.d_logits, rows.vocab));
  const auto blocks = static_cast<unsigned>(count);
  if (packed) {
    cross_entropy_rows<kPackSize><<<blocks, kCrossEntropyThreads, 0, stream>>>(rows);
  } else {
    cross_entropy_rows<1><<<blocks, kCrossEntropyThreads, 0, stream>>>(rows);
  }
  return cudaGetLastError();
}

template <typename Scalar>
cudaError_t launch_attention_forward(const DeviceAttention<Scalar>& attention, cudaStream_t stream) {
  return launch_attention<AttentionPart::kForward>(attention, attention.shape.heads, stream);
}

template <typename Scalar>
cudaError_t launch_attention_backward(const DeviceAttention<Scalar>& attention, cudaStream_t stream) {
  const cudaError_t error =
      launch_attention<AttentionPart::kQueries>(attention, attention.shape.heads, stream);
  if (error != cudaSuccess) return error;
  return launch_attention<AttentionPart::kKeys>(attention, attention.shape.kv_heads, stream);
}

cudaError_t launch_sum(const double* values, int64_t count, double* partials, double* total, bool add,
                       cudaStream_t stream) {
  sum_parts<false><<<kSumPartials, kSumThreads, 0, stream>>>(values, count, partials);
  sum_partials<<<1, kSumThreads, 0, stream>>>(partials, total, add);
  return cudaGetLastError();
}

cudaError_t launch_sum_squares(const float* values, int64_t count, double* partials, double* total,
                               cudaStream_t stream) {
  sum_parts<true><<<kSumPartials, kSumThreads, 0, stream>>>(values, count, partials);
  sum_partials<<<1, kSumThreads, 0, stream>>>(partials, total, false);
  return cudaGetLastError();
}

cudaError_t launch_hash_blocks(const BlakeKey& key, const float* const* values, const int64_t* counts,
                               int64_t count, uint64_t* hashes, cudaStream_t stream) {
  const auto blocks = static_cast<unsigned>((count + kHashThreads - 1) / kHashThreads);
  hash_parts<<<blocks, kHashThreads, 0, stream>>>(key, values, counts, count, hashes);
  return cudaGetLastError();
}

template cudaError_t launch_cross_entropy(const DeviceCrossEntropy<float>&, int64_t, cudaStream_t);
template cudaError_t launch_cross_entropy(const DeviceCrossEntropy<DeviceBf16>&, int64_t, cudaStream_t);
template cudaError_t launch_attention_forward(const DeviceAttention<float>&, cudaStream_t);
template cudaError_t launch_attention_forward(const DeviceAttention<DeviceBf16>&, cudaStream_t);
template cudaError_t launch_attention_backward(const DeviceAttention<float>&, cudaStream_t);
template cudaError_t launch_attention_backward(const DeviceAttention<DeviceBf16>&, cudaStream_t);

}  // namespace templar
