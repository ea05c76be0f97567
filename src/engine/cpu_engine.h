// The Engine on the processor.
#pragma once

#include <memory>

#include "engine/engine.h"
#include "engine/model/engine_memory.h"

namespace templar {

// Parameters are zero until a caller initialises or loads them. kBf16 on a processor without bf16 products
// computes in f32 and logs a warning. The same options, batches and parameters give the same bits each time;
// with AVX-512 also for every number of threads, and in kF32Deterministic for every number of threads on
// every x86-64 with AVX2. Fails (fatal) where the model's shape makes no sense, the options can't be met
// (such as kF32Deterministic before AVX2) or the machine has too little memory.
[[nodiscard]] Result<std::unique_ptr<Engine>> make_cpu_engine(const ModelSpec& model, const InnerSpec& inner,
                                                              const EngineOptions& options);

// What such an engine allocates. The specs and options have been checked.
[[nodiscard]] EngineMemory cpu_engine_memory(const ModelSpec& model, const InnerSpec& inner,
                                             const EngineOptions& options);

}  // namespace templar
