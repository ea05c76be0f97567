// Token-by-token generation: keys and values of earlier tokens are kept, so that a new token costs one row of
// each product.
#pragma once

#include <span>
#include <vector>

#include "engine/cpu/transformer.h"
#include "engine/engine.h"

namespace templar {

// Uses a transformer's weights, kernels and memory; holds the cache. Not thread-safe.
template <typename Scalar>
class Decoder {
 public:
  Decoder(const ModelSpec& model, int64_t max_sequence);

  // The logits of the token that follows `tokens`, which are 1 to max_sequence of the vocabulary. Tokens that
  // only lengthen those of the call before cost a row each; any others, a forward pass over them all. The
  // view lasts until the next call.
  [[nodiscard]] std::span<const float> next_logits(Transformer<Scalar>& transformer,
                                                   const typename Transformer<Scalar>::Weights& weights,
                                                   std::span<const uint32_t> tokens);
  // The weights have changed.
  void forget() { cached_.clear(); }

 private:
  void read_context(Transformer<Scalar>& transformer, const typename Transformer<Scalar>::Weights& weights,
                    std::span<const uint32_t> tokens);
  void keep_keys_and_values(const RopeTable& rope, int64_t layer, const Scalar* qkv);
  void append(Transformer<Scalar>& transformer, const typename Transformer<Scalar>::Weights& weights,
              uint32_t token);
  void attend(const Transformer<Scalar>& transformer, int64_t layer, int64_t position);

  ModelSpec model_;
  int64_t max_sequence_;
  std::vector<uint32_t> cached_;              // the tokens whose keys and values are held
  std::vector<AlignedBuffer<float>> keys_;    // one a layer, [max_sequence, kv_heads·head_dim], rotated
  std::vector<AlignedBuffer<float>> values_;  // the same
  AlignedBuffer<float> x_, attended_, queries_, scores_, logits_;
  AlignedBuffer<Scalar> normed_, qkv_, attended_scalar_, projected_, gate_up_, activated_;
};

}  // namespace templar
