// Launches of the engine's own kernels; the arithmetic stands in engine/device/*_math.h. A plain header: nvcc
// and the host's compiler both read it. Each returns what cudaGetLastError says after the launch. `Scalar` is
// float or DeviceBf16; all pointers are the device's.
#pragma once

#include <driver_types.h>

#include "engine/device/attention_math.h"
#include "engine/device/blake2b_math.h"
#include "engine/device/cross_entropy_math.h"
#include "engine/device/element_math.h"
#include "engine/device/norm_math.h"

namespace templar {

// The norms' kernels take a row wider than this only if its width is a multiple of 8.
inline constexpr int64_t kWidestOddNorm = 4096;
// The widest row that the norms' kernels take at all.
inline constexpr int64_t kWidestNorm = 32768;
// Shared memory of a multiprocessor that the plain attention has for its scores: it bounds the sequence.
inline constexpr int64_t kPlainAttentionBytes = 220 * 1024;

template <typename Scalar>
cudaError_t launch_norm_forward(const NormForward<Scalar>& norm, int64_t rows, cudaStream_t stream);
// Leaves `blocks` rows of norm.weight_partials.
template <typename Scalar>
cudaError_t launch_norm_backward(const NormBackward<Scalar>& norm, int64_t blocks, cudaStream_t stream);
cudaError_t launch_sum_columns(const float* partials, int64_t rows, int64_t width, float* out, bool add,
                               cudaStream_t stream);

template <typename Scalar>
cudaError_t launch_rotate(const Rope<Scalar>& rope, cudaStream_t stream);
template <typename Scalar>
cudaError_t launch_swiglu_forward(const Swiglu<Scalar>& swiglu, int64_t rows, cudaStream_t stream);
template <typename Scalar>
cudaError_t launch_swiglu_backward(const Swiglu<Scalar>& swiglu, int64_t rows, cudaStream_t stream);
template <typename Scalar>
cudaError_t launch_embed(const Embedding<Scalar>& embedding, int64_t tokens, cudaStream_t stream);
template <typename Scalar>
cudaError_t launch_embed_backward(const EmbeddingBackward<Scalar>& embedding, cudaStream_t stream);
template <typename Scalar>
cudaError_t launch_gather(const GatherRows<Scalar>& gather, int64_t count, cudaStream_t stream);
template <typename Scalar>
cudaError_t launch_adamw(const AdamwStep<Scalar>& step, int64_t count, cudaStream_t stream);
template <typename Scalar>
cudaError_t launch_round(const float* from, Scalar* to, int64_t count, cudaStream_t stream);

template <typename Scalar>
cudaError_t launch_cross_entropy(const DeviceCrossEntropy<Scalar>& rows, int64_t count, cudaStream_t stream);
template <typename Scalar>
cudaError_t launch_attention_forward(const DeviceAttention<Scalar>& attention, cudaStream_t stream);
template <typename Scalar>
cudaError_t launch_attention_backward(const DeviceAttention<Scalar>& attention, cudaStream_t stream);

// Numbers that launch_sum's and launch_sum_squares' first stage leaves, in `partials`.
inline constexpr int64_t kSumPartials = 1024;
cudaError_t launch_sum(const double* values, int64_t count, double* partials, double* total, bool add,
                       cudaStream_t stream);
cudaError_t launch_sum_squares(const float* values, int64_t count, double* partials, double* total,
                               cudaStream_t stream);

// hashes [count, 4]: the BLAKE2b-256 of each part, `values` being [count] pointers and `counts` how many lie
// there.
cudaError_t launch_hash_blocks(const BlakeKey& key, const float* const* values, const int64_t* counts,
                               int64_t count, uint64_t* hashes, cudaStream_t stream);

// Fills [0, count) with numbers between −1 and 1 that look random.
template <typename Scalar>
cudaError_t launch_fill_random(Scalar* values, int64_t count, uint64_t seed, cudaStream_t stream);

}  // namespace templar
