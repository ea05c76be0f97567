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

int64_t DeviceMemoryPlan::total() const {
  int64_t sum = 0;
  for (const DeviceMemoryEntry& entry : entries) sum += entry.bytes;
  return sum;
}

std::string DeviceMemoryPlan::text() const {
  constexpr double kGib = 1024.0 * 1024.0 * 1024.0;
  std::string lines;
  for (const DeviceMemoryEntry& entry : entries) {
    lines += fmt::format("{:>9.3f} GiB  {}\n", static_cast<double>(entry.bytes) / kGib, entry.what);
  }
  return lines + fmt::format("{:>9.3f} GiB  in all\n", static_cast<double>(total()) / kGib);
}

DeviceMemoryPlan plan_device_memory(const ModelSpec& model, const InnerSpec& inner,
                                    const DeviceEngineOptions& options) {
  const int64_t scalar = options.precision == Precision::kF32 ? 4 : 2;
  const int64_t parameters = parameter_count(parameter_layout(model));
  const int64_t rows = options.micro_batch * inner.sequence_length;
  const int64_t hidden = model.hidden_size;
  const int64_t intermediate = model.intermediate_size;
  const int64_t qkv = (model.num_attention_heads + 2 * model.num_key_value_heads) * model.head_dim();
  const int64_t head_rows = device_head_rows(model, rows);
  const int64_t layers = model.num_hidden_layers;

  const int64_t vector = rounded(rows * 4);
  const int64_t stream = rounded(rows * hidden * scalar);
  // One layer's activations besides what enters it, as DeviceTransformer keeps them.
  const int64_t inside = 4 * stream + rounded(rows * qkv * scalar) +
                         rounded(rows * 2 * intermediate * scalar) + rounded(rows * intermediate * scalar) +
                         2 * vector + rounded(rows * model.num_attention_heads * 4);
  const int64_t kept = options.recompute_layers ? 1 : layers;

  DeviceMemoryPlan plan;
  plan.entries.push_back({"parameters, f32", rounded(parameters * 4)});
  if (scalar == 2) plan.entries.push_back({"parameters rounded to bf16", rounded(parameters * 2)});
  plan.entries.push_back({"gradients, f32", rounded(parameters * 4)});
  plan.entries.push_back({"AdamW's two moments, f32", 2 * rounded(parameters * 4)});
  plan.entries.push_back({fmt::format("what enters {} layers", layers), layers * stream});
  plan.entries.push_back({fmt::format("activations of {} layers", kept), kept * inside});
  plan.entries.push_back({"the last norm", 2 * stream + vector});
  plan.entries.push_back({"gradients of activations", 2 * stream + rounded(rows * qkv * scalar) +
                                                          rounded(rows * intermediate * scalar) +
                                                          rounded(norm_block_count(rows) * hidden * 4)});
  const int64_t logits = head_rows * device_logit_row(model);
  plan.entries.push_back({fmt::format("logits of {} tokens", head_rows),
                          rounded(logits * 4) + (scalar == 2 ? rounded(logits * 2) : 0)});
  plan.entries.push_back({"tokens, targets, losses, tables",
                          3 * vector + 2 * rounded((rows + 1) * 4) + rounded(rows * 8) + rounded(rows) +
                              2 * rounded(inner.sequence_length * model.head_dim() / 2 * 4) +
                              kAllocationGrain});
  plan.entries.push_back({"workspace of matrix products", kDeviceWorkspaceBytes});
  plan.entries.push_back({"workspace of attention",
                          device_attention_workspace(model, options.micro_batch, inner.sequence_length)});
  return plan;
}

}  // namespace templar
