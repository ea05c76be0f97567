#include "adapters/tokenizers/sentencepiece_tokenizer.h"

#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/files/file.h"
#include "base/json/json.h"

namespace templar {
namespace {

constexpr size_t kMaxModelBytes = 256 << 20;

class SentencePieceTokenizer final : public Tokenizer {
 public:
  SentencePieceTokenizer(std::unique_ptr<sentencepiece::SentencePieceProcessor> processor, Bytes model)
      : processor_(std::move(processor)), model_(std::move(model)) {}

  [[nodiscard]] std::string name() const override { return "sentencepiece"; }
  [[nodiscard]] uint64_t vocab_size() const override {
    return static_cast<uint64_t>(processor_->GetPieceSize());
  }
  [[nodiscard]] uint32_t separator_id() const override { return static_cast<uint32_t>(processor_->eos_id()); }

  [[nodiscard]] std::vector<uint32_t> encode(std::string_view text) const override {
    std::vector<int> pieces;
    // Fails only where no model is loaded.
    if (!processor_->Encode({text.data(), text.size()}, &pieces).ok()) return {};
    std::vector<uint32_t> ids;
    ids.reserve(pieces.size());
    for (const int piece : pieces) {
      if (piece >= 0 && piece != processor_->eos_id()) ids.push_back(static_cast<uint32_t>(piece));
    }
    return ids;
  }

  [[nodiscard]] std::string decode(std::span<const uint32_t> ids) const override {
    std::vector<int> pieces;
    pieces.reserve(ids.size());
    for (const uint32_t id : ids) {
      if (id < vocab_size() && !processor_->IsControl(static_cast<int>(id)))
        pieces.push_back(static_cast<int>(id));
    }
    std::string text;
    if (!processor_->Decode(pieces, &text).ok()) return {};
    return text;
  }

  [[nodiscard]] std::vector<TokenizerFile> files() const override {
    const auto token = [this](int id) { return id < 0 ? Json() : Json(processor_->IdToPiece(id)); };
    const Json json = JsonObject{{"tokenizer_class", "LlamaTokenizer"},
                                 {"legacy", false},
                                 {"add_bos_token", false},
                                 {"add_eos_token", false},
                                 {"clean_up_tokenization_spaces", false},
                                 {"bos_token", token(processor_->bos_id())},
                                 {"eos_token", token(processor_->eos_id())},
                                 {"unk_token", token(processor_->unk_id())}};
    const std::string config = to_text(json, {.indent = 2}) + "\n";
    const ByteView config_bytes = as_bytes(config);
    return {{"tokenizer.model", model_},
            {"tokenizer_config.json", Bytes(config_bytes.begin(), config_bytes.end())}};
  }

 private:
  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor_;
  Bytes model_;
};

// Gives the trainer the texts line by line.
class LineIterator final : public sentencepiece::SentenceIterator {
 public:
  explicit LineIterator(const std::vector<std::string>& texts) : texts_(texts) { Next(); }

  [[nodiscard]] bool done() const override { return done_; }
  [[nodiscard]] const std::string& value() const override { return line_; }
  [[nodiscard]] sentencepiece::util::Status status() const override { return {}; }
  void Next() override {
    while (text_ < texts_.size()) {
      const std::string& text = texts_[text_];
      if (position_ >= text.size()) {
        ++text_;
        position_ = 0;
        continue;
      }
      const size_t end = std::min(text.find('\n', position_), text.size());
      line_ = text.substr(position_, end - position_);
      position_ = end + 1;
      if (!line_.empty()) return;
    }
    done_ = true;
  }

 private:
  const std::vector<std::string>& texts_;
  size_t text_ = 0;
  size_t position_ = 0;
  std::string line_;
  bool done_ = false;
};

}  // namespace

Result<std::unique_ptr<Tokenizer>> make_sentencepiece_tokenizer(ByteView model, const std::string& origin) {
  auto processor = std::make_unique<sentencepiece::SentencePieceProcessor>();
  const std::string_view text = as_text(model);
  const auto loaded = processor->LoadFromSerializedProto({text.data(), text.size()});
  if (!loaded.ok() || processor->GetPieceSize() <= 0) {
    return fatal_error(origin + ": not a SentencePiece model: " + loaded.ToString());
  }
  if (processor->eos_id() < 0) {
    return fatal_error(origin + ": the model has no end-of-sentence token to separate documents with");
  }
  return std::make_unique<SentencePieceTokenizer>(std::move(processor), Bytes(model.begin(), model.end()));
}

Result<std::unique_ptr<Tokenizer>> load_sentencepiece_tokenizer(const std::filesystem::path& path) {
  TRY_ASSIGN(const Bytes model, read_file(path, kMaxModelBytes));
  return make_sentencepiece_tokenizer(model, path.string());
}

Result<Bytes> train_sentencepiece_model(const std::vector<std::string>& texts, uint64_t vocab_size) {
  // Nothing is normalised, trimmed or prefixed, so that decoding gives back the text that was encoded. One
  // thread, so that nothing depends on how many there are.
  const std::unordered_map<std::string, std::string> settings = {
      {"model_type", "bpe"},
      {"vocab_size", std::to_string(vocab_size)},
      {"byte_fallback", "true"},
      {"normalization_rule_name", "identity"},
      {"add_dummy_prefix", "false"},
      {"remove_extra_whitespaces", "false"},
      {"allow_whitespace_only_pieces", "true"},
      {"split_digits", "true"},
      {"character_coverage", "0.9995"},
      {"max_sentence_length", "65536"},
      {"num_threads", "1"},
      {"minloglevel", "3"},
  };
  LineIterator lines(texts);
  std::string model;
  const auto trained = sentencepiece::SentencePieceTrainer::Train(settings, &lines, &model);
  if (!trained.ok()) {
    return fatal_error("a tokenizer of " + std::to_string(vocab_size) +
                       " tokens can't be trained on this text: " + trained.ToString());
  }
  const ByteView bytes = as_bytes(model);
  return Bytes(bytes.begin(), bytes.end());
}

}  // namespace templar
