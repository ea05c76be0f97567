#include "engine/model/batch_checks.h"

#include <fmt/format.h>

#include <algorithm>

namespace templar {
namespace {

constexpr double kClipEpsilon = 1e-6;
// Of a pass: far beyond any memory, and no product of sizes overflows.
constexpr int64_t kMaxTokens = int64_t{1} << 30;

}  // namespace

Status check_model(const ModelSpec& model, const InnerSpec& inner) {
  if (model.vocab_size < 1 || model.hidden_size < 1 || model.num_hidden_layers < 1 ||
      model.num_attention_heads < 1 || model.num_key_value_heads < 1 || model.intermediate_size < 1) {
    return fatal_error("the model has a size below 1");
  }
  if (model.head_dim == 0 && model.hidden_size % model.num_attention_heads != 0) {
    return fatal_error(fmt::format("{} attention heads do not cut a hidden size of {} into even parts",
                                   model.num_attention_heads, model.hidden_size));
  }
  if (model.head_width() < 2 || model.head_width() % 2 != 0) {
    return fatal_error(
        fmt::format("heads of {} elements: rotary embeddings need an even number", model.head_width()));
  }
  if (model.num_attention_heads % model.num_key_value_heads != 0) {
    return fatal_error(fmt::format("{} attention heads can't share {} key and value heads",
                                   model.num_attention_heads, model.num_key_value_heads));
  }
  if (inner.sequence_length < 2) {
    return fatal_error(fmt::format("a sequence length of {} has nothing to predict", inner.sequence_length));
  }
  return {};
}

Status check_micro_batch(int64_t micro_batch, const InnerSpec& inner) {
  const int64_t most = kMaxTokens / inner.sequence_length;
  if (micro_batch >= 1 && micro_batch <= most) return {};
  return fatal_error(fmt::format("micro_batch {} is outside 1 .. {}", micro_batch, most));
}

Status check_tokens(const ModelSpec& model, std::span<const uint32_t> tokens) {
  const auto outside =
      std::ranges::find_if(tokens, [&](uint32_t token) { return token >= model.vocab_size; });
  if (outside == tokens.end()) return {};
  return fatal_error(fmt::format("token {} at position {} is outside the vocabulary of {}", *outside,
                                 outside - tokens.begin(), model.vocab_size));
}

Status check_batch(const ModelSpec& model, const InnerSpec& inner, const TokenBatch& batch,
                   int64_t shortest_sequence) {
  if (batch.batch < 1) {
    return fatal_error(fmt::format("a batch of {} sequences has nothing to compute", batch.batch));
  }
  if (batch.sequence < shortest_sequence || batch.sequence > inner.sequence_length) {
    return fatal_error(fmt::format("a sequence of {} tokens is outside {} .. {}, the run's sequence length",
                                   batch.sequence, shortest_sequence, inner.sequence_length));
  }
  // By division: a product of what came from outside could overflow.
  const size_t sequence = batch.sequence;
  if (batch.tokens.size() % sequence != 0 ||
      batch.tokens.size() / sequence != static_cast<size_t>(batch.batch)) {
    return fatal_error(fmt::format("a batch of {} x {} tokens came with {}", batch.batch, batch.sequence,
                                   batch.tokens.size()));
  }
  return check_tokens(model, batch.tokens);
}

Status check_sequences(const ModelSpec& model, const InnerSpec& inner,
                       std::span<const ScoredSequence> sequences) {
  for (size_t i = 0; i < sequences.size(); ++i) {
    const auto tokens = std::ssize(sequences[i].tokens);
    if (sequences[i].context < 1 || sequences[i].context >= tokens) {
      return fatal_error(fmt::format(
          "sequence {} has {} tokens, {} of them context: there must be some of it and some to score", i,
          tokens, sequences[i].context));
    }
    if (tokens > inner.sequence_length + 1) {
      return fatal_error(fmt::format(
          "sequence {} has {} tokens, one more than the run's sequence length of {} can be scored", i, tokens,
          inner.sequence_length));
    }
    TRY(check_tokens(model, sequences[i].tokens));
  }
  return {};
}

Status check_generation(const ModelSpec& model, std::span<const uint32_t> prompt,
                        const GenerationOptions& options) {
  if (prompt.empty()) return fatal_error("generation needs a prompt of at least one token");
  if (options.max_new_tokens < 0 || options.top_k < 0 || !(options.temperature >= 0)) {
    return fatal_error(fmt::format("generation can't use max_new_tokens {}, top_k {}, temperature {}",
                                   options.max_new_tokens, options.top_k, options.temperature));
  }
  return check_tokens(model, prompt);
}

TokenBatch part_of_batch(const TokenBatch& batch, int64_t first_row, int64_t micro_batch) {
  const int64_t rows = std::min(micro_batch, batch.batch - first_row);
  const size_t sequence = batch.sequence;
  return {batch.tokens.subspan(first_row * sequence, rows * sequence), rows, batch.sequence};
}

double clip_factor(const InnerSpec& inner, double gradient_norm) {
  return std::min(1.0, inner.clip_grad_norm / (gradient_norm + kClipEpsilon));
}

}  // namespace templar
