// tokenizer.json files made by hand, small enough to know every id.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/json/json.h"
#include "ports/byte_level.h"

namespace templar::testing {

inline Json added_token(int64_t id, const std::string& content, bool special) {
  return JsonObject{{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
                    {"rstrip", false}, {"normalized", false}, {"special", special}};
}

inline Json tokenizer_json(Json pre_tokenizer, Json decoder, JsonObject vocab, JsonList merges,
                           JsonList added_tokens) {
  return JsonObject{
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", std::move(added_tokens)},
      {"normalizer", nullptr},
      {"pre_tokenizer", std::move(pre_tokenizer)},
      {"post_processor", nullptr},
      {"decoder", std::move(decoder)},
      {"model", JsonObject{{"type", "BPE"}, {"vocab", std::move(vocab)}, {"merges", std::move(merges)}}},
  };
}

// As GPT-2's. Tokens 0 to 255 are the bytes, 256 "lo", 257 "low", 258 "er", 259 " low", 260 "lower";
// 261 is <|endoftext|>, 262 the special <|user|>, 263 the added token <tool>.
inline Json byte_level_tokenizer() {
  JsonObject vocab;
  for (int byte = 0; byte < 256; ++byte)
    vocab.push_back({byte_level_character(static_cast<uint8_t>(byte)), byte});
  const std::string space = byte_level_character(' ');
  for (const std::string& text :
       {std::string("lo"), std::string("low"), std::string("er"), space + "low", std::string("lower")})
    vocab.push_back({text, static_cast<int64_t>(vocab.size())});
  const Json byte_level = JsonObject{
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  return tokenizer_json(byte_level, byte_level, std::move(vocab),
                        JsonList{"l o", "lo w", "e r", space + " low", "low er"},
                        JsonList{added_token(261, "<|endoftext|>", true), added_token(262, "<|user|>", true),
                                 added_token(263, "<tool>", false)});
}

// As Gemma's: spaces are U+2581, characters that are no token are bytes. Tokens 0 to 255 are <0x00> to
// <0xFF>, 256 <unk>, 257 <eos>, 258 "▁", 259 "a", 260 "b", 261 "c", 262 "ab", 263 "▁ab", 264 "abc", 265 "▁▁".
inline Json byte_fallback_tokenizer() {
  constexpr const char* kDigits = "0123456789ABCDEF";
  JsonObject vocab;
  for (int byte = 0; byte < 256; ++byte)
    vocab.push_back({std::string("<0x") + kDigits[byte / 16] + kDigits[byte % 16] + ">", byte});
  for (const char* text : {"<unk>", "<eos>", "▁", "a", "b", "c", "ab", "▁ab", "abc", "▁▁"})
    vocab.push_back({text, static_cast<int64_t>(vocab.size())});
  const auto pattern = [](const char* text) { return JsonObject{{"String", text}}; };
  Json json = tokenizer_json(
      nullptr,
      JsonObject{
          {"type", "Sequence"},
          {"decoders", JsonList{JsonObject{{"type", "Replace"}, {"pattern", pattern("▁")}, {"content", " "}},
                                JsonObject{{"type", "ByteFallback"}}, JsonObject{{"type", "Fuse"}}}}},
      std::move(vocab),
      JsonList{JsonList{"a", "b"}, JsonList{"▁", "ab"}, JsonList{"ab", "c"}, JsonList{"▁", "▁"}},
      JsonList{added_token(257, "<eos>", true)});
  json["normalizer"] = JsonObject{{"type", "Replace"}, {"pattern", pattern(" ")}, {"content", "▁"}};
  json["model"]["unk_token"] = "<unk>";
  json["model"]["fuse_unk"] = true;
  json["model"]["byte_fallback"] = true;
  return json;
}

}  // namespace templar::testing
