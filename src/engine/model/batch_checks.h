// Checks that all engines share, so that they refuse in the same words: impossible model shapes, batches that
// can't be computed.
#pragma once

#include <span>

#include "engine/engine.h"

namespace templar {

// Fails (fatal) where a shape or the sequence length makes no sense.
[[nodiscard]] Status check_model(const ModelSpec& model, const InnerSpec& inner);

// Fails (fatal) unless micro_batch is at least 1 and so small that no product of sizes overflows.
[[nodiscard]] Status check_micro_batch(int64_t micro_batch, const InnerSpec& inner);

// Fails (fatal) if a token is outside the vocabulary.
[[nodiscard]] Status check_tokens(const ModelSpec& model, std::span<const uint32_t> tokens);

// Fails (fatal) if a batch is empty, its sequences have fewer than shortest_sequence tokens or more than the
// run's, or a token is outside the vocabulary.
[[nodiscard]] Status check_batch(const ModelSpec& model, const InnerSpec& inner, const TokenBatch& batch,
                                 int64_t shortest_sequence);

// Fails (fatal) as score_continuations does.
[[nodiscard]] Status check_sequences(const ModelSpec& model, const InnerSpec& inner,
                                     std::span<const ScoredSequence> sequences);

// Fails (fatal) as generate_each does.
[[nodiscard]] Status check_generation(const ModelSpec& model, std::span<const uint32_t> prompt,
                                      const GenerationOptions& options);

// The batch's rows [first_row, first_row + micro_batch), or up to its end.
[[nodiscard]] TokenBatch part_of_batch(const TokenBatch& batch, int64_t first_row, int64_t micro_batch);

// torch.nn.utils.clip_grad_norm_'s coefficient, which divides by the norm plus a little.
[[nodiscard]] double clip_factor(const InnerSpec& inner, double gradient_norm);

}  // namespace templar
