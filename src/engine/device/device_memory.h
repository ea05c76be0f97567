// What a device engine holds in the device's memory, counted before anything is allocated: an engine
// allocates this and no more.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace templar {

struct DeviceMemoryEntry {
  std::string what;
  int64_t bytes = 0;
};

struct DeviceMemoryPlan {
  std::vector<DeviceMemoryEntry> entries;
  [[nodiscard]] int64_t total() const;
  // One line an entry and one for the sum, in GiB; for people.
  [[nodiscard]] std::string text() const;
};

struct DeviceEngineOptions {
  Precision precision = Precision::kBf16;
  int64_t micro_batch = 8;  // rows [sequences] of a forward and backward pass, as in EngineOptions
  // Keeps only what enters each layer and computes the rest again in the backward pass: a third more work for
  // a fraction of the memory.
  bool recompute_layers = false;
};

// For micro-batches of options.micro_batch sequences of inner.sequence_length tokens. The spec has been
// checked.
[[nodiscard]] DeviceMemoryPlan plan_device_memory(const ModelSpec& model, const InnerSpec& inner,
                                                  const DeviceEngineOptions& options);

// Rows whose logits are held at once.
[[nodiscard]] int64_t device_head_rows(const ModelSpec& model, int64_t tokens);
// Values from row to row of logits: kernels and matrix products read them in packs.
[[nodiscard]] int64_t device_logit_row(const ModelSpec& model);

// What matrix products and attention may use beside, bytes.
inline constexpr int64_t kDeviceWorkspaceBytes = int64_t{64} << 20;
// cuDNN's deterministic backward pass keeps the gradient of all scores of a micro-batch.
[[nodiscard]] int64_t device_attention_workspace(const ModelSpec& model, int64_t batch, int64_t sequence);

}  // namespace templar
