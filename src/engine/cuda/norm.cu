#include "engine/cuda/block.cuh"

namespace templar {
namespace {

template <int kThreads, int kPack, int kChunks, typename Scalar>
__global__ void __launch_bounds__(kThreads) norm_forward_rows(NormForward<Scalar> norm) {
  Block<kThreads> block;
  norm_forward_row<kPack, kChunks>(norm, blockIdx.x, block);
}

template <int kThreads, int kPack, int kChunks, typename Scalar>
__global__ void __launch_bounds__(kThreads) norm_backward_blocks(NormBackward<Scalar> norm) {
  Block<kThreads> block;
  norm_backward_block<kPack, kChunks>(norm, blockIdx.x, block);
}

// Calls launch(threads, pack, chunks), as compile-time numbers, whose product covers the width.
template <typename Launch>
cudaError_t with_shape(int64_t width, bool packed, const Launch& launch) {
  using std::integral_constant;
  const auto call = [&](auto threads, auto pack, auto chunks) {
    launch(threads, pack, chunks);
    return cudaGetLastError();
  };
  if (!packed) {
    if (width <= 1024)
      return call(integral_constant<int, 256>{}, integral_constant<int, 1>{}, integral_constant<int, 4>{});
    return call(integral_constant<int, 1024>{}, integral_constant<int, 1>{}, integral_constant<int, 4>{});
  }
  if (width <= 1024)
    return call(integral_constant<int, 128>{}, integral_constant<int, 8>{}, integral_constant<int, 1>{});
  if (width <= 2048)
    return call(integral_constant<int, 256>{}, integral_constant<int, 8>{}, integral_constant<int, 1>{});
  if (width <= 4096)
    return call(integral_constant<int, 256>{}, integral_constant<int, 8>{}, integral_constant<int, 2>{});
  if (width <= 8192)
    return call(integral_constant<int, 512>{}, integral_constant<int, 8>{}, integral_constant<int, 2>{});
  return call(integral_constant<int, 1024>{}, integral_constant<int, 8>{}, integral_constant<int, 4>{});
}

// 32 columns to a block; a row of its threads sums a part of the rows, so that many loads are under way at
// once.
constexpr int kColumns = 32;
constexpr int kParts = 32;

__global__ void __launch_bounds__(kColumns* kParts)
    sum_columns(const float* partials, int64_t rows, int64_t width, float* out, bool add) {
  __shared__ float sums[kParts][kColumns];
  const int64_t column = static_cast<int64_t>(blockIdx.x) * kColumns + threadIdx.x;
  const int part = static_cast<int>(threadIdx.y);
  float sum = 0;
  if (column < width) {
#pragma unroll 8
    for (int64_t row = part; row < rows; row += kParts) sum += partials[row * width + column];
  }
  sums[part][threadIdx.x] = sum;
  __syncthreads();
  if (part != 0 || column >= width) return;
  float all = add ? out[column] : 0.0F;
  for (int other = 0; other < kParts; ++other) all += sums[other][threadIdx.x];
  out[column] = all;
}

}  // namespace

template <typename Scalar>
cudaError_t launch_norm_forward(const NormForward<Scalar>& norm, int64_t rows, cudaStream_t stream) {
  const bool packed =
      packs(norm.x, norm.width) && packs(norm.normed, norm.width) && packs(norm.weight, norm.width);
  return with_shape(norm.width, packed, [&](auto threads, auto pack, auto chunks) {
    norm_forward_rows<threads(), pack(), chunks()>
        <<<static_cast<unsigned>(rows), threads(), 0, stream>>>(norm);
  });
}

template <typename Scalar>
cudaError_t launch_norm_backward(const NormBackward<Scalar>& norm, int64_t blocks, cudaStream_t stream) {
  const bool packed = packs(norm.x, norm.width) && packs(norm.d_normed, norm.width) &&
                      packs(norm.d_x, norm.width) && packs(norm.weight, norm.width) &&
                      packs(norm.weight_partials, norm.width);
  return with_shape(norm.width, packed, [&](auto threads, auto pack, auto chunks) {
    norm_backward_blocks<threads(), pack(), chunks()>
        <<<static_cast<unsigned>(blocks), threads(), 0, stream>>>(norm);
  });
}

cudaError_t launch_sum_columns(const float* partials, int64_t rows, int64_t width, float* out, bool add,
                               cudaStream_t stream) {
  sum_columns<<<static_cast<unsigned>((width + kColumns - 1) / kColumns), dim3(kColumns, kParts), 0,
                stream>>>(partials, rows, width, out, add);
  return cudaGetLastError();
}

template cudaError_t launch_norm_forward(const NormForward<float>&, int64_t, cudaStream_t);
template cudaError_t launch_norm_forward(const NormForward<DeviceBf16>&, int64_t, cudaStream_t);
template cudaError_t launch_norm_backward(const NormBackward<float>&, int64_t, cudaStream_t);
template cudaError_t launch_norm_backward(const NormBackward<DeviceBf16>&, int64_t, cudaStream_t);

}  // namespace templar
