#include "adapters/tokenizers/sentencepiece_tokenizer.h"

#include <fmt/format.h>
#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <unordered_map>
#include <utility>

#include "adapters/tokenizers/text_part.h"
#include "base/files/file.h"
#include "base/json/json.h"
#include "base/utf8.h"

namespace templar {
namespace {

constexpr size_t kMaxModelBytes = 256 << 20;

// SentencePiece needs a hundred times a text's size in memory, so that a long one is encoded in windows.
constexpr size_t kWindowBytes = 64 << 10;
// Neighbouring windows must agree on so much of the text in which they overlap before they are joined in the
// middle of it; it is several times as long as the pieces that are trained (16 characters, if nobody says
// otherwise).
constexpr size_t kAgreementBytes = 640;
constexpr size_t kOverlapBytes = 2560;
// In a text that repeats itself the tokens follow from where a window begins: as many beginnings are tried,
// a character apart.
constexpr int kBeginnings = 17;
// A text on which no two windows agree is encoded in longer ones, up to this.
constexpr size_t kMostWindowBytes = 1 << 20;

// The nearest beginning of a character at or before the position. Where the text is no UTF-8, anywhere.
size_t character_at(std::string_view text, size_t position) {
  size_t at = position;
  while (at > 0 && at + 4 > position && continues_character(text[at])) --at;
  return continues_character(text[at]) ? position : at;
}

// Where the two windows can be joined: the tokens of `left` before it and those of `right` from it on are the
// tokens of both. nullopt where they never agree for long enough. `right` begins within `left`.
std::optional<size_t> meeting_point(const PlacedTokens& left, const PlacedTokens& right) {
  if (right.empty()) return std::nullopt;
  auto from_left = first_from(left, right.front().begin);
  auto from_right = right.begin();
  std::optional<size_t> agreed_from;
  while (from_left != left.end() && from_right != right.end()) {
    if (*from_left == *from_right) {
      if (!agreed_from) agreed_from = from_left->begin;
      // Of tokens that begin at one place (the bytes of a character) none is cut off.
      const size_t middle = *agreed_from + kAgreementBytes / 2;
      if (from_left->begin >= *agreed_from + kAgreementBytes) return first_from(left, middle)->begin;
      ++from_left;
      ++from_right;
      continue;
    }
    agreed_from.reset();
    if (from_left->begin <= from_right->begin) {
      ++from_left;
    } else {
      ++from_right;
    }
  }
  return std::nullopt;
}

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
    if (text.size() > kWindowBytes) {
      std::vector<uint32_t> long_ids;
      for (const PlacedToken& token : placed_tokens(text)) long_ids.push_back(token.id);
      return long_ids;
    }
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

  [[nodiscard]] EncodedText encode_part(std::string_view before, std::string_view text,
                                        std::string_view after) const override {
    const TextPart part(before, text, after);
    return part.of(placed_tokens(part.whole()));
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
  // Of text[begin, end).
  [[nodiscard]] PlacedTokens window(std::string_view text, size_t begin, size_t end) const {
    const std::string_view part = text.substr(begin, end - begin);
    const auto encoded = processor_->EncodeAsImmutableProto({part.data(), part.size()});
    PlacedTokens tokens;
    tokens.reserve(encoded.pieces_size());
    for (size_t i = 0; i < encoded.pieces_size(); ++i) {
      const auto piece = encoded.pieces(static_cast<int>(i));
      if (std::cmp_equal(piece.id(), processor_->eos_id())) continue;
      tokens.push_back({piece.id(), begin + piece.begin()});
    }
    return tokens;
  }

  // The window that follows `left`, which ends at `end`, and where it joins it; nullopt where none does.
  struct Continuation {
    PlacedTokens tokens;
    size_t meets = 0;
    size_t end = 0;
  };
  [[nodiscard]] std::optional<Continuation> continuation_of(const PlacedTokens& left, std::string_view text,
                                                            size_t end) const {
    size_t begin = character_at(text, end - kOverlapBytes);
    for (int i = 0; i < kBeginnings; ++i) {
      // A short look first: the whole window is worth its time only where it will join.
      const size_t short_end = std::min(begin + 2 * kOverlapBytes, text.size());
      if (meeting_point(left, window(text, begin, short_end))) {
        const size_t whole_end = std::min(begin + kWindowBytes, text.size());
        Continuation next{.tokens = window(text, begin, whole_end), .end = whole_end};
        if (const auto meets = meeting_point(left, next.tokens)) {
          next.meets = *meets;
          return next;
        }
      }
      begin = character_at(text, begin - 1);
    }
    return std::nullopt;
  }

  [[nodiscard]] PlacedTokens placed_tokens(std::string_view text) const {
    PlacedTokens all;
    size_t begin = 0;
    size_t end = std::min(kWindowBytes, text.size());
    PlacedTokens left = window(text, begin, end);
    while (end < text.size()) {
      if (auto next = continuation_of(left, text, end)) {
        all.insert(all.end(), left.cbegin(), first_from(left, next->meets));
        left.assign(first_from(next->tokens, next->meets), next->tokens.cend());
        begin = next->meets;
        end = next->end;
      } else if (end - begin < kMostWindowBytes) {
        // Begins where the last window joined, with text before it, whose tokens are dropped again.
        const size_t context = character_at(text, begin - std::min(begin, kOverlapBytes));
        end = std::min(end + (end - begin), text.size());
        PlacedTokens longer = window(text, context, end);
        left.assign(begin == 0 ? longer.cbegin() : first_from(longer, begin), longer.cend());
      } else {
        // Nothing that people write comes here.
        all.insert(all.end(), left.begin(), left.end());
        begin = end;
        end = std::min(begin + kWindowBytes, text.size());
        left = window(text, begin, end);
      }
    }
    all.insert(all.end(), left.begin(), left.end());
    return all;
  }

  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor_;
  Bytes model_;
};

constexpr size_t kLongestLine = 65536;

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
      if (end - position_ > kLongestLine) {
        // The trainer leaves longer lines out: their words count no less than those of others.
        const size_t cut = cut_line(std::string_view(text).substr(position_, kLongestLine));
        line_ = text.substr(position_, cut);
        position_ += cut;
        return;
      }
      line_ = text.substr(position_, end - position_);
      position_ = end + 1;
      if (!line_.empty()) return;
    }
    done_ = true;
  }

 private:
  // Before the last space, else between characters.
  static size_t cut_line(std::string_view line) {
    const size_t space = line.rfind(' ');
    if (space != std::string_view::npos && space > 0) return space;
    return character_at(line, line.size() - 1);
  }

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
      {"max_sentence_length", std::to_string(kLongestLine)},
      {"num_threads", "1"},
      {"minloglevel", "3"},
  };
  const auto refuse = [&](const std::string& why) {
    return fatal_error(fmt::format("a tokenizer of {} tokens can't be trained: {}", vocab_size, why));
  };
  LineIterator lines(texts);
  if (lines.done()) return refuse("there is no text to train it on that is not held out; give more text");
  std::string model;
  const auto trained = sentencepiece::SentencePieceTrainer::Train(settings, &lines, &model);
  if (!trained.ok()) {
    if (trained.ToString().find("smaller than required_chars") != std::string::npos)
      return refuse("the text has more different characters than that; choose more tokens");
    // In its words: "Please set it to a value <= 356."
    constexpr std::string_view kMost = "a value <= ";
    const std::string words = trained.ToString();
    if (const size_t at = words.find(kMost); at != std::string::npos) {
      const size_t begin = at + kMost.size();
      return refuse(
          fmt::format("the text that it is trained on gives no more than {} of them; give more and other "
                      "text, or choose fewer tokens",
                      words.substr(begin, words.find_first_not_of("0123456789", begin) - begin)));
    }
    size_t bytes = 0;
    for (const std::string& text : texts) bytes += text.size();
    return refuse(
        fmt::format("the {} bytes of text that it is trained on have too few different words and "
                    "characters; give more text or choose fewer tokens, or the tokenizer bytes "
                    "(SentencePiece says: {})",
                    bytes, trained.ToString()));
  }
  const ByteView bytes = as_bytes(model);
  return Bytes(bytes.begin(), bytes.end());
}

}  // namespace templar
