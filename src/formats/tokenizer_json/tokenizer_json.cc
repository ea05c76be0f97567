#include "formats/tokenizer_json/tokenizer_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

#include "base/json/json_fields.h"
#include "formats/tokenizer_json/tokenizer_steps.h"

namespace templar {
namespace {

constexpr size_t kMaxTokenizerJsonBytes = size_t{256} << 20;
constexpr uint64_t kMaxTokenId = (uint64_t{1} << 24) - 1;
constexpr size_t kMaxTokenBytes = 1 << 16;
// What ends a document, by the names that models have for it.
constexpr std::array<std::string_view, 10> kDocumentEnds = {
    "<|endoftext|>",         "<|end_of_text|>", "<eos>",   "</s>",  "<|end▁of▁sentence|>",
    "<｜end▁of▁sentence｜>", "<|eos|>",         "<|EOS|>", "[EOS]", "<|endofdocument|>"};

using TokenIds = std::unordered_map<std::string_view, uint32_t>;

std::string in_quotes(std::string_view text) {
  std::string out;
  append_json_text(out, text);
  return out;
}

// The ids of the texts, which are views of the JSON's.
Result<TokenIds> read_vocab(JsonFields& fields, std::vector<std::optional<std::string>>& vocab) {
  TRY_ASSIGN(const JsonObject* members, fields.members("vocab"));
  TokenIds ids;
  ids.reserve(members->size());
  for (const auto& [text, value] : *members) {
    const auto id = value.count();
    if (!id || *id > kMaxTokenId)
      return fields.error("vocab", in_quotes(text) + fmt::format(" has no id in 0 .. {}", kMaxTokenId));
    if (text.size() > kMaxTokenBytes)
      return fields.error(
          "vocab", fmt::format("token {} has {} bytes, more than {}", *id, text.size(), kMaxTokenBytes));
    if (*id >= vocab.size()) vocab.resize(*id + 1);
    if (vocab[*id])
      return fields.error("vocab", in_quotes(*vocab[*id]) + " and " + in_quotes(text) + " have one id");
    vocab[*id] = text;
    ids.emplace(text, static_cast<uint32_t>(*id));
  }
  return ids;
}

// "a b" or ["a", "b"].
Result<std::pair<std::string_view, std::string_view>> read_pair(const Json& json) {
  if (const JsonList* list = json.list()) {
    if (list->size() == 2 && list->at(0).text() != nullptr && list->at(1).text() != nullptr)
      return std::pair<std::string_view, std::string_view>(*list->at(0).text(), *list->at(1).text());
  } else if (json.text() != nullptr) {
    const std::string_view text = *json.text();
    const size_t space = text.find(' ');
    if (space != std::string_view::npos && text.find(' ', space + 1) == std::string_view::npos)
      return std::pair(text.substr(0, space), text.substr(space + 1));
  }
  return fatal_error("is neither two tokens with a space between them nor a list of two");
}

Status read_merges(JsonFields& fields, const TokenIds& ids, std::vector<TokenizerJson::Merge>& merges) {
  TRY_ASSIGN(const JsonList* list, fields.list("merges"));
  merges.reserve(list->size());
  const auto refuse = [&](size_t index, const std::string& what) {
    return fields.error(fmt::format("merges[{}]", index), what);
  };
  for (size_t i = 0; i < list->size(); ++i) {
    const Json& json = (*list)[i];
    if (i == 0 && json.text() != nullptr && json.text()->starts_with("#version")) continue;
    const auto pair = read_pair(json);
    if (!pair) return refuse(i, pair.error().message);
    const std::string merged = std::string(pair->first) + std::string(pair->second);
    const auto left = ids.find(pair->first);
    const auto right = ids.find(pair->second);
    const auto whole = ids.find(merged);
    if (left == ids.end() || right == ids.end() || whole == ids.end())
      return refuse(i, in_quotes(merged) + " or a part of it is not in the vocabulary");
    merges.push_back({left->second, right->second, whole->second});
  }
  return {};
}

// Fields that must be absent, null or the empty value.
Status refuse_what_is_not_done(JsonFields& fields) {
  for (const std::string_view name : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!fields.has(name)) continue;
    TRY_ASSIGN(const Json* value, fields.value(name));
    const bool is_none =
        value->is_null() || (value->text() != nullptr && value->text()->empty()) || value->number() == 0.0;
    if (!is_none) return fields.error(name, "is set, which is not done here");
  }
  return {};
}

Result<bool> flag_or_false(JsonFields& fields, std::string_view name) {
  if (!fields.has(name)) return false;
  TRY_ASSIGN(const Json* value, fields.value(name));
  if (value->is_null()) return false;
  return fields.flag(name);
}

Status read_model(JsonFields fields, TokenizerJson& tokenizer) {
  // Files of before 2020 say no type.
  if (fields.has("type") || !fields.has("merges")) {
    TRY_ASSIGN(const std::string type, fields.text("type"));
    if (type != "BPE") return fields.error("type", "is " + type + "; only BPE is known here");
  }
  TRY(refuse_what_is_not_done(fields));
  TRY_ASSIGN(const TokenIds ids, read_vocab(fields, tokenizer.vocab));
  TRY(read_merges(fields, ids, tokenizer.merges));
  if (fields.has("unk_token")) {
    TRY_ASSIGN(const Json* unknown, fields.value("unk_token"));
    if (!unknown->is_null()) {
      TRY_ASSIGN(const std::string text, fields.text("unk_token"));
      const auto id = ids.find(text);
      if (id == ids.end()) return fields.error("unk_token", in_quotes(text) + " is not in the vocabulary");
      tokenizer.unknown = id->second;
    }
  }
  TRY_ASSIGN(tokenizer.fuse_unknown, flag_or_false(fields, "fuse_unk"));
  TRY_ASSIGN(tokenizer.byte_fallback, flag_or_false(fields, "byte_fallback"));
  TRY_ASSIGN(tokenizer.ignore_merges, flag_or_false(fields, "ignore_merges"));
  return fields.finish();
}

Result<TokenizerJson::AddedToken> read_added_token(JsonFields fields) {
  TokenizerJson::AddedToken token;
  TRY_ASSIGN(const uint64_t id, fields.count("id", 0, kMaxTokenId));
  token.id = static_cast<uint32_t>(id);
  TRY_ASSIGN(token.content, fields.text("content"));
  if (token.content.size() > kMaxTokenBytes) return fields.error("content", "is too long");
  TRY_ASSIGN(token.special, fields.flag("special"));
  TRY_ASSIGN(token.single_word, fields.flag("single_word"));
  TRY_ASSIGN(token.lstrip, fields.flag("lstrip"));
  TRY_ASSIGN(token.rstrip, fields.flag("rstrip"));
  TRY_ASSIGN(token.normalized, fields.flag("normalized"));
  TRY(fields.finish());
  return token;
}

// One id for a text, one text for an id, among the added tokens and in the vocabulary.
Status check_added_tokens(const JsonFields& fields, const TokenizerJson& tokenizer) {
  TokenIds ids;
  for (size_t id = 0; id < tokenizer.vocab.size(); ++id) {
    if (tokenizer.vocab[id]) ids.emplace(*tokenizer.vocab[id], static_cast<uint32_t>(id));
  }
  std::unordered_map<uint32_t, std::string_view> texts;
  for (size_t i = 0; i < tokenizer.added_tokens.size(); ++i) {
    const auto& token = tokenizer.added_tokens[i];
    const std::string path = fmt::format("added_tokens[{}]", i);
    const auto known = ids.emplace(token.content, token.id).first;
    if (known->second != token.id)
      return fields.error(
          path, fmt::format("{} has the ids {} and {}", in_quotes(token.content), known->second, token.id));
    const bool is_taken = token.id < tokenizer.vocab.size() && tokenizer.vocab[token.id] &&
                          *tokenizer.vocab[token.id] != token.content;
    const auto other = texts.emplace(token.id, token.content).first;
    if (is_taken || other->second != token.content)
      return fields.error(path,
                          fmt::format("id {} has two texts, {} and {}", token.id, in_quotes(token.content),
                                      in_quotes(is_taken ? *tokenizer.vocab[token.id] : other->second)));
  }
  return {};
}

Status read_optional_steps(JsonFields& fields, TokenizerJson& tokenizer) {
  const auto is_set = [&](std::string_view name) -> Result<bool> {
    if (!fields.has(name)) return false;
    TRY_ASSIGN(const Json* value, fields.value(name));
    return !value->is_null();
  };
  TRY_ASSIGN(const bool has_normalizer, is_set("normalizer"));
  if (has_normalizer) {
    TRY_ASSIGN(JsonFields step, fields.object("normalizer"));
    TRY(read_normalizer(std::move(step), tokenizer.normalizers));
  }
  TRY_ASSIGN(const bool has_pre_tokenizer, is_set("pre_tokenizer"));
  if (has_pre_tokenizer) {
    TRY_ASSIGN(JsonFields step, fields.object("pre_tokenizer"));
    TRY(read_pre_tokenizer(std::move(step), tokenizer.pre_tokenizers));
  }
  TRY_ASSIGN(const bool has_decoder, is_set("decoder"));
  if (has_decoder) {
    TRY_ASSIGN(JsonFields step, fields.object("decoder"));
    TRY(read_decoder(std::move(step), tokenizer.decoders));
  }
  return {};
}

// "x" or {"content": "x", ...}; nullopt where there is none.
Result<std::optional<std::string>> eos_token_of(std::optional<std::string_view> tokenizer_config) {
  if (!tokenizer_config) return std::nullopt;
  const auto config = parse_json(*tokenizer_config);
  if (!config) return annotate(config.error(), "tokenizer_config.json");
  const Json* eos = config->find("eos_token");
  if (eos != nullptr && eos->object() != nullptr) eos = eos->find("content");
  if (eos == nullptr || eos->text() == nullptr) return std::nullopt;
  return *eos->text();
}

std::optional<uint32_t> id_of(const TokenizerJson& tokenizer, std::string_view text) {
  const auto added = std::ranges::find(tokenizer.added_tokens, text, &TokenizerJson::AddedToken::content);
  if (added != tokenizer.added_tokens.end()) return added->id;
  const auto found = std::ranges::find_if(
      tokenizer.vocab, [&](const std::optional<std::string>& known) { return known && *known == text; });
  if (found == tokenizer.vocab.end()) return std::nullopt;
  return static_cast<uint32_t>(found - tokenizer.vocab.begin());
}

}  // namespace

uint32_t TokenizerJson::vocab_size() const {
  auto size = static_cast<uint32_t>(vocab.size());
  for (const AddedToken& token : added_tokens) size = std::max(size, token.id + 1);
  return size;
}

bool TokenizerJson::is_byte_level() const {
  return !pre_tokenizers.empty() && std::holds_alternative<ByteLevel>(pre_tokenizers.back());
}

Result<TokenizerJson> parse_tokenizer_json(std::string_view text) {
  TRY_ASSIGN(const Json json, parse_json(text, {.max_bytes = kMaxTokenizerJsonBytes}));
  TRY_ASSIGN(JsonFields fields, JsonFields::of(json, ""));
  TokenizerJson tokenizer;
  TRY_ASSIGN(JsonFields model, fields.object("model"));
  TRY(read_model(std::move(model), tokenizer));
  TRY(read_optional_steps(fields, tokenizer));
  if (fields.has("added_tokens")) {
    TRY_ASSIGN(std::vector<JsonFields> tokens, fields.objects("added_tokens"));
    for (JsonFields& entry : tokens) {
      TRY_ASSIGN(TokenizerJson::AddedToken token, read_added_token(std::move(entry)));
      if (!token.content.empty()) tokenizer.added_tokens.push_back(std::move(token));
    }
  }
  TRY(check_added_tokens(fields, tokenizer));
  if (tokenizer.vocab_size() == 0) return fields.error("model.vocab", "is empty");
  return tokenizer;
}

Result<uint32_t> separator_of(const TokenizerJson& tokenizer,
                              std::optional<std::string_view> tokenizer_config) {
  TRY_ASSIGN(const std::optional<std::string> eos, eos_token_of(tokenizer_config));
  const std::optional<uint32_t> eos_id = eos ? id_of(tokenizer, *eos) : std::nullopt;
  if (eos_id && std::ranges::find(kDocumentEnds, *eos) != kDocumentEnds.end()) return *eos_id;
  for (const std::string_view name : kDocumentEnds) {
    const auto found = std::ranges::find(tokenizer.added_tokens, name, &TokenizerJson::AddedToken::content);
    if (found != tokenizer.added_tokens.end() && found->special) return found->id;
  }
  if (eos_id) return *eos_id;
  return fatal_error(
      eos ? "the eos_token of tokenizer_config.json, " + in_quotes(*eos) + ", is no token of tokenizer.json"
          : "no token ends a document: there is no <|endoftext|>, <|end_of_text|>, <eos> or </s>, and no "
            "tokenizer_config.json beside it names an eos_token");
}

std::optional<std::string_view> token_text(const TokenizerJson& tokenizer, uint32_t id) {
  if (id < tokenizer.vocab.size() && tokenizer.vocab[id]) return *tokenizer.vocab[id];
  const auto added = std::ranges::find(tokenizer.added_tokens, id, &TokenizerJson::AddedToken::id);
  if (added == tokenizer.added_tokens.end()) return std::nullopt;
  return added->content;
}

}  // namespace templar
