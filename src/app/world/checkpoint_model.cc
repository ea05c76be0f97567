#include "app/world/checkpoint_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "adapters/tokenizers/hugging_face_tokenizer.h"
#include "adapters/tokenizers/sentencepiece_tokenizer.h"
#include "core/consensus/state_root.h"
#include "engine/cpu_engine.h"
#include "formats/sentencepiece/tokenizer_files.h"

namespace templar {

Result<std::unique_ptr<Tokenizer>> make_checkpoint_tokenizer(const ModelSource& model) {
  TRY_ASSIGN(const TokenizerKind kind, kind_of_tokenizer(model.tokenizer));
  switch (kind) {
    case TokenizerKind::kNone:
      return fatal_error("the model has no tokenizer, so there is no text for its tokens");
    case TokenizerKind::kBytes:
      return make_byte_tokenizer();
    case TokenizerKind::kSentencePiece:
      return make_sentencepiece_tokenizer(find_file(model.tokenizer, kSentencePieceName)->content,
                                          "the model's tokenizer.model");
    case TokenizerKind::kHuggingFace: {
      const auto config = tokenizer_config_of(model.tokenizer);
      const SeparatorChoice separator = config ? std::optional<std::string>(*config) : std::nullopt;
      return make_hugging_face_tokenizer(find_file(model.tokenizer, kTokenizerJsonName)->content, separator,
                                         "the model's tokenizer.json");
    }
  }
  return fatal_error("unknown kind of tokenizer");
}

Result<std::unique_ptr<Engine>> make_model_engine(const OpenedModel& model, const EngineOptions& options) {
  TRY_ASSIGN(std::unique_ptr<Engine> engine, make_cpu_engine(model.source.model, model.inner, options));
  TRY(engine->edit_parameters([&](ParameterSpans parameters) -> Status {
    for (size_t i = 0; i < parameters.size(); ++i) {
      TRY_ASSIGN(const std::span<const float> values, model.source.read(i));
      std::ranges::copy(values, parameters[i].begin());
    }
    return {};
  }));
  if (!model.manifest) return engine;
  TRY_ASSIGN(const StateTree tree, engine->state_tree());
  if (tree.root != model.manifest->state_root) {
    return fatal_error(fmt::format("the checkpoint's parameters have state root {}, its manifest says {}",
                                   tree.root.brief(), model.manifest->state_root.brief()));
  }
  return engine;
}

}  // namespace templar
