#include "engine/device/device_memory.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/run/parameter_layout.h"
#include "engine/device/operations.h"

namespace templar {
namespace {

// Enough rows to keep the head's products efficient, and 1 GiB of f32 logits at most.
constexpr int64_t kMostLogits = int64_t{1} << 28;
constexpr int64_t kHeadRowGrain = 128;
// Every allocation is rounded up to this.
constexpr int64_t kAllocationGrain = 256;

int64_t rounded(int64_t bytes) {
  return (bytes + kAllocationGrain - 1) / kAllocationGrain * kAllocationGrain;
}

}  // namespace

int64_t device_head_rows(const ModelSpec& model, int64_t tokens) {
  const int64_t rows =
      std::max(kHeadRowGrain, kMostLogits / model.vocab_size / kHeadRowGrain * kHeadRowGrain);
  return std::min(rows, tokens);
}

int64_t device_logit_row(const ModelSpec& model) {
  return (model.vocab_size + kPackSize - 1) / kPackSize * kPackSize;
}

int64_t device_attention_workspace(const ModelSpec& model, int64_t batch, int64_t sequence) {
  const int64_t edge = (sequence + 127) / 128 * 128;
  return batch * model.num_attention_heads * edge * edge * 2 + kDeviceWorkspaceBytes;
}

Status check_device_precision(Precision precision) {
  if (precision != Precision::kF32Deterministic) return {};
  return fatal_error(
      "f32-deterministic is for processors alone, a card's sums have another order: take --device cpu, or "
      "f32 or bf16");
}

EngineMemory device_engine_memory(const ModelSpec& model, const InnerSpec& inner,
                                  const EngineOptions& options) {
  const int64_t scalar = options.precision == Precision::kF32 ? 4 : 2;
  const int64_t parameters = parameter_count(parameter_layout(model));
  const int64_t rows = options.micro_batch * inner.sequence_length;
  const int64_t hidden = model.hidden_size;
  const int64_t intermediate = model.intermediate_size;
  const int64_t query = model.query_width();
  const int64_t qkv = query + 2 * model.key_value_width();
  const int64_t head_rows = device_head_rows(model, rows);
  const int64_t layers = model.num_hidden_layers;

  const int64_t vector = rounded(rows * 4);
  const int64_t stream = rounded(rows * hidden * scalar);
  // One layer's activations besides what enters it, as DeviceTransformer keeps them.
  const int64_t inside = 3 * stream + rounded(rows * query * scalar) + rounded(rows * qkv * scalar) +
                         rounded(rows * 2 * intermediate * scalar) + rounded(rows * intermediate * scalar) +
                         2 * vector + rounded(rows * model.num_attention_heads * 4);
  const bool trains = options.use == EngineUse::kTraining;
  const int64_t kept = trains && !options.recompute_layers ? layers : 1;
  const int64_t logits = head_rows * device_logit_row(model);

  EngineMemory plan;
  plan.add("parameters, f32", rounded(parameters * 4));
  if (scalar == 2) plan.add("parameters rounded to bf16", rounded(parameters * 2));
  if (trains) {
    plan.add("gradients, f32", rounded(parameters * 4));
    plan.add("the optimiser's moments, f32", 2 * rounded(parameters * 4));
    plan.add("gradients of activations",
             stream + rounded(rows * qkv * scalar) + rounded(rows * intermediate * scalar) +
                 rounded(norm_block_count(rows) * hidden * 4) + (scalar == 2 ? rounded(logits * 2) : 0));
    plan.add("order of tokens for the embedding's gradient", 2 * rounded((rows + 1) * 4));
  }
  plan.add(fmt::format("what enters {} layers", trains ? layers : 1), (trains ? layers : 1) * stream);
  plan.add(fmt::format("activations of {} layers", kept), kept * inside);
  plan.add("the last norm", 2 * stream + rounded(rows * std::max(hidden, query) * scalar) + vector);
  plan.add(fmt::format("logits of {} tokens", head_rows), rounded(logits * 4));
  plan.add("tokens, targets, losses, tables",
           3 * vector + rounded(rows * 8) + rounded(rows) +
               2 * rounded(inner.sequence_length * model.head_width() / 2 * 4) + kAllocationGrain);
  plan.add("workspace of matrix products", kDeviceWorkspaceBytes);
  plan.add("workspace of attention",
           device_attention_workspace(model, options.micro_batch, inner.sequence_length));
  return plan;
}

}  // namespace templar
