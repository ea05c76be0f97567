// A model at work: its tokenizer, and an engine with its parameters.
#pragma once

#include <memory>

#include "app/world/checkpoint_places.h"
#include "engine/engine.h"
#include "ports/tokenizer.h"

namespace templar {

// Fails (fatal) where the model has none or one that is not known.
[[nodiscard]] Result<std::unique_ptr<Tokenizer>> make_checkpoint_tokenizer(const ModelSource& model);

// An engine whose parameters are the model's and, if it is a checkpoint, have its state root. Fails as
// make_cpu_engine and the source do, (fatal) where the root is another.
[[nodiscard]] Result<std::unique_ptr<Engine>> make_model_engine(const OpenedModel& model,
                                                                const EngineOptions& options);

}  // namespace templar
