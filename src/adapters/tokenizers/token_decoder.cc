#include "adapters/tokenizers/token_decoder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <variant>

#include "base/utf8.h"
#include "ports/byte_level.h"

namespace templar {
namespace {

using Texts = std::vector<std::string>;

// <0x0A> is the byte 10.
std::optional<char> byte_of_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || !token.ends_with('>')) return std::nullopt;
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
  };
  const int high = digit(token[3]);
  const int low = digit(token[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

std::string in_place_of(std::string_view text, std::string_view pattern, std::string_view content) {
  std::string out;
  size_t done = 0;
  for (size_t at = text.find(pattern); at != std::string_view::npos; at = text.find(pattern, done)) {
    out += text.substr(done, at - done);
    out += content;
    done = at + pattern.size();
  }
  out += text.substr(done);
  return out;
}

void apply(const TokenizerJson::DecodeByteLevel&, Texts& texts) {
  for (std::string& text : texts) {
    if (auto bytes = byte_level_bytes(text)) text = std::move(*bytes);
  }
}

// Bytes in a row become one text.
void apply(const TokenizerJson::DecodeByteFallback&, Texts& texts) {
  Texts out;
  bool was_byte = false;
  for (std::string& text : texts) {
    const auto byte = byte_of_token(text);
    if (byte && was_byte) {
      out.back() += *byte;
    } else {
      out.push_back(byte ? std::string(1, *byte) : std::move(text));
    }
    was_byte = byte.has_value();
  }
  texts = std::move(out);
}

void apply(const TokenizerJson::DecodeFuse&, Texts& texts) {
  std::string fused;
  for (const std::string& text : texts) fused += text;
  texts = {std::move(fused)};
}

void apply(const TokenizerJson::DecodeReplace& replace, Texts& texts) {
  for (std::string& text : texts) {
    if (text.find(replace.pattern) != std::string::npos)
      text = in_place_of(text, replace.pattern, replace.content);
  }
}

void apply(const TokenizerJson::DecodeStrip& strip, Texts& texts) {
  for (std::string& text : texts) {
    std::string_view rest = text;
    for (size_t i = 0; i < strip.start && rest.starts_with(strip.content); ++i)
      rest.remove_prefix(strip.content.size());
    for (size_t i = 0; i < strip.stop && rest.ends_with(strip.content); ++i)
      rest.remove_suffix(strip.content.size());
    text = std::string(rest);
  }
}

void apply(const TokenizerJson::DecodeMetaspace& metaspace, Texts& texts) {
  for (size_t i = 0; i < texts.size(); ++i)
    texts[i] = in_place_of(texts[i], metaspace.replacement, i == 0 && metaspace.strip_first ? "" : " ");
}

bool is_byte_level_alone(const TokenizerJson& tokenizer) {
  return tokenizer.decoders.size() == 1 &&
         std::holds_alternative<TokenizerJson::DecodeByteLevel>(tokenizer.decoders.front());
}

}  // namespace

TokenDecoder::TokenDecoder(const TokenizerJson& tokenizer, uint32_t never)
    : texts_(tokenizer.vocab_size()), between_(tokenizer.decoders.empty() ? " " : "") {
  // An added token that the model has as well comes from its merges too, so it is in the model's alphabet.
  for (const auto& token : tokenizer.added_tokens) texts_[token.id] = token.content;
  const bool bytes_alone = is_byte_level_alone(tokenizer);
  for (size_t id = 0; id < tokenizer.vocab.size(); ++id) {
    if (!tokenizer.vocab[id]) continue;
    const auto bytes = bytes_alone ? byte_level_bytes(*tokenizer.vocab[id]) : std::nullopt;
    texts_[id] = bytes.value_or(*tokenizer.vocab[id]);
  }
  if (!bytes_alone) steps_ = tokenizer.decoders;
  if (never < texts_.size()) texts_[never].clear();
}

std::vector<uint32_t> TokenDecoder::sizes() const {
  std::vector<uint32_t> sizes(texts_.size());
  const auto first = std::ranges::find_if(texts_, [](const std::string& text) { return !text.empty(); });
  const auto filler = static_cast<uint32_t>(first - texts_.begin());
  const size_t filler_size = decode({&filler, 1}).size();
  for (uint32_t id = 0; id < sizes.size(); ++id) {
    if (texts_[id].empty()) continue;
    if (steps_.empty() && between_.empty()) {
      sizes[id] = static_cast<uint32_t>(texts_[id].size());
      continue;
    }
    const std::array<uint32_t, 2> both = {filler, id};
    sizes[id] = static_cast<uint32_t>(decode(both).size() - filler_size);
  }
  return sizes;
}

std::string TokenDecoder::decode(std::span<const uint32_t> ids) const {
  std::string text;
  if (steps_.empty()) {
    for (const uint32_t id : ids) {
      if (id >= texts_.size() || texts_[id].empty()) continue;
      if (!text.empty()) text += between_;
      text += texts_[id];
    }
    return text;
  }
  Texts texts;
  for (const uint32_t id : ids) {
    if (id < texts_.size() && !texts_[id].empty()) texts.push_back(texts_[id]);
  }
  for (const auto& step : steps_) std::visit([&](const auto& done) { apply(done, texts); }, step);
  for (const std::string& part : texts) text += part;
  return text;
}

}  // namespace templar
