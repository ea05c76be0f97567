// What a device engine holds in the device's memory once it is made, counted before anything is allocated.
// cuDNN may take a larger workspace later, for a shape that needs it.
#pragma once

#include <cstdint>

#include "engine/model/engine_memory.h"

namespace templar {

// Fails (fatal) for a precision in which no device computes: kF32Deterministic.
[[nodiscard]] Status check_device_precision(Precision precision);

// For micro-batches of options.micro_batch sequences of inner.sequence_length tokens. The spec and the
// precision have been checked.
[[nodiscard]] EngineMemory device_engine_memory(const ModelSpec& model, const InnerSpec& inner,
                                                const EngineOptions& options);

// Rows whose logits are held at once.
[[nodiscard]] int64_t device_head_rows(const ModelSpec& model, int64_t tokens);
// Values from row to row of logits: kernels and matrix products read them in packs.
[[nodiscard]] int64_t device_logit_row(const ModelSpec& model);

// What matrix products and attention may use beside, bytes.
inline constexpr int64_t kDeviceWorkspaceBytes = int64_t{64} << 20;
// cuDNN's deterministic backward pass keeps the gradient of all scores of a micro-batch.
[[nodiscard]] int64_t device_attention_workspace(const ModelSpec& model, int64_t batch, int64_t sequence);

}  // namespace templar
