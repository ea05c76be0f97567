// A checkpoint at work: its tokenizer, and an engine with its parameters.
#pragma once

#include <memory>

#include "engine/engine.h"
#include "formats/export/checkpoint_source.h"
#include "ports/tokenizer.h"

namespace templar {

// Fails (fatal) where the checkpoint has none or one that is not known.
[[nodiscard]] Result<std::unique_ptr<Tokenizer>> make_checkpoint_tokenizer(const ModelSource& model);

// An engine whose parameters are the checkpoint's and have its state root. Fails as make_cpu_engine and the
// source do, (fatal) where the root is another.
[[nodiscard]] Result<std::unique_ptr<Engine>> make_checkpoint_engine(const CheckpointSource& source,
                                                                     const EngineOptions& options);

}  // namespace templar
