#include "engine/cuda/block.cuh"

namespace templar {
namespace {

// An item's work as an object: nvcc takes no lambda of a lambda into a kernel.
#define TEMPLAR_ITEM(Name, compute)                  \
  template <int kPack, typename Arguments>           \
  struct Name {                                      \
    Arguments arguments;                             \
    __device__ void operator()(int64_t item) const { \
      compute<kPack>(arguments, item);               \
    }                                                \
  }

TEMPLAR_ITEM(Rotate, rotate_pairs);
TEMPLAR_ITEM(SwigluForward, swiglu_forward_pack);
TEMPLAR_ITEM(SwigluBackward, swiglu_backward_pack);
TEMPLAR_ITEM(Embed, embed_pack);
TEMPLAR_ITEM(EmbedBackward, embed_backward_pack);
TEMPLAR_ITEM(Gather, gather_pack);

// In packs of 8 where everything can be read in packs, else value by value.
template <template <int, typename> class Item, typename Arguments>
cudaError_t launch_packs(bool packed, int64_t values, const Arguments& arguments, cudaStream_t stream) {
  if (packed) return launch_items(values / kPackSize, Item<kPackSize, Arguments>{arguments}, stream);
  return launch_items(values, Item<1, Arguments>{arguments}, stream);
}

template <int kPack, typename Scalar>
struct Adamw {
  AdamwStep<Scalar> step;
  int64_t done;
  __device__ void operator()(int64_t item) const { adamw_pack<kPack>(step, done + item); }
};

template <int kPack, typename Scalar>
struct Round {
  const float* from;
  Scalar* to;
  __device__ void operator()(int64_t item) const {
    store_pack(to + item * kPack, load_pack<kPack>(from + item * kPack).values);
  }
};

TEMPLAR_DEVICE uint64_t mixed(uint64_t x) {
  x += 0x9E3779B97F4A7C15U;
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31U);
}

template <typename Scalar>
struct FillRandom {
  Scalar* values;
  uint64_t seed;
  __device__ void operator()(int64_t item) const {
    const uint64_t bits = mixed((seed << 40U) + static_cast<uint64_t>(item));
    assign(values[item], static_cast<float>(bits >> 40U) * 0x1p-23F - 1.0F);
  }
};

}  // namespace

template <typename Scalar>
cudaError_t launch_rotate(const Rope<Scalar>& rope, cudaStream_t stream) {
  const DeviceAttentionShape& shape = rope.shape;
  const int64_t half = shape.head_dim / 2;
  const bool packed = packs(rope.qkv, half) && packs(rope.cosines, half) && packs(rope.sines, half);
  return launch_packs<Rotate>(packed, shape.tokens() * (shape.heads + shape.kv_heads) * half, rope, stream);
}

template <typename Scalar>
cudaError_t launch_swiglu_forward(const Swiglu<Scalar>& swiglu, int64_t rows, cudaStream_t stream) {
  const bool packed = packs(swiglu.gate_up, swiglu.width) && packs(swiglu.activated, swiglu.width);
  return launch_packs<SwigluForward>(packed, rows * swiglu.width, swiglu, stream);
}

template <typename Scalar>
cudaError_t launch_swiglu_backward(const Swiglu<Scalar>& swiglu, int64_t rows, cudaStream_t stream) {
  const bool packed = packs(swiglu.gate_up, swiglu.width) && packs(swiglu.d_activated, swiglu.width) &&
                      packs(swiglu.d_gate_up, swiglu.width);
  return launch_packs<SwigluBackward>(packed, rows * swiglu.width, swiglu, stream);
}

template <typename Scalar>
cudaError_t launch_embed(const Embedding<Scalar>& embedding, int64_t tokens, cudaStream_t stream) {
  const bool packed = packs(embedding.table, embedding.width) && packs(embedding.x, embedding.width);
  return launch_packs<Embed>(packed, tokens * embedding.width, embedding, stream);
}

template <typename Scalar>
cudaError_t launch_embed_backward(const EmbeddingBackward<Scalar>& embedding, cudaStream_t stream) {
  const bool packed = packs(embedding.d_table, embedding.width) && packs(embedding.d_x, embedding.width);
  return launch_packs<EmbedBackward>(packed, embedding.count * embedding.width, embedding, stream);
}

template <typename Scalar>
cudaError_t launch_gather(const GatherRows<Scalar>& gather, int64_t count, cudaStream_t stream) {
  const bool packed = packs(gather.from, gather.width) && packs(gather.to, gather.width);
  return launch_packs<Gather>(packed, count * gather.width, gather, stream);
}

// Four f32 values are 16 bytes; what is left of the last pack goes value by value.
template <typename Scalar>
cudaError_t launch_adamw(const AdamwStep<Scalar>& step, int64_t count, cudaStream_t stream) {
  const int64_t whole = count / 4;
  const cudaError_t error = launch_items(whole, Adamw<4, Scalar>{step, 0}, stream);
  if (error != cudaSuccess) return error;
  return launch_items(count - whole * 4, Adamw<1, Scalar>{step, whole * 4}, stream);
}

template <typename Scalar>
cudaError_t launch_round(const float* from, Scalar* to, int64_t count, cudaStream_t stream) {
  const int64_t whole = packs(from, kPackSize) && packs(to, kPackSize) ? count / kPackSize : 0;
  const int64_t done = whole * kPackSize;
  const cudaError_t error = launch_items(whole, Round<kPackSize, Scalar>{from, to}, stream);
  if (error != cudaSuccess) return error;
  return launch_items(count - done, Round<1, Scalar>{from + done, to + done}, stream);
}

template <typename Scalar>
cudaError_t launch_fill_random(Scalar* values, int64_t count, uint64_t seed, cudaStream_t stream) {
  return launch_items(count, FillRandom<Scalar>{values, seed}, stream);
}

#define TEMPLAR_ELEMENTS(Scalar)                                                              \
  template cudaError_t launch_rotate(const Rope<Scalar>&, cudaStream_t);                      \
  template cudaError_t launch_swiglu_forward(const Swiglu<Scalar>&, int64_t, cudaStream_t);   \
  template cudaError_t launch_swiglu_backward(const Swiglu<Scalar>&, int64_t, cudaStream_t);  \
  template cudaError_t launch_embed(const Embedding<Scalar>&, int64_t, cudaStream_t);         \
  template cudaError_t launch_embed_backward(const EmbeddingBackward<Scalar>&, cudaStream_t); \
  template cudaError_t launch_gather(const GatherRows<Scalar>&, int64_t, cudaStream_t);       \
  template cudaError_t launch_adamw(const AdamwStep<Scalar>&, int64_t, cudaStream_t);         \
  template cudaError_t launch_round(const float*, Scalar*, int64_t, cudaStream_t);            \
  template cudaError_t launch_fill_random(Scalar*, int64_t, uint64_t, cudaStream_t)

TEMPLAR_ELEMENTS(float);
TEMPLAR_ELEMENTS(DeviceBf16);

}  // namespace templar
