#include "formats/tokenizer_json/tokenizer_json.h"

#include <gtest/gtest.h>

#include "support/expect_failure.h"
#include "support/json_values.h"
#include "support/tokenizer_json_file.h"

namespace templar::testing {
namespace {

// The file with one part in place of another, read.
Result<TokenizerJson> read_with(Json json, const char* path, Json value) {
  part(json, path) = std::move(value);
  return parse_tokenizer_json(to_text(json));
}

TEST(ParseTokenizerJson, GivesTokensMergesAndSteps) {
  const auto read = parse_tokenizer_json(to_text(byte_level_tokenizer()));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->vocab_size(), 264);
  EXPECT_EQ(read->vocab.size(), 261);
  EXPECT_EQ(read->vocab[257], "low");
  ASSERT_EQ(read->merges.size(), 5);
  EXPECT_EQ(read->merges[1].left, 256);
  EXPECT_EQ(read->merges[1].right, 'w');
  EXPECT_EQ(read->merges[1].merged, 257);
  EXPECT_TRUE(read->is_byte_level());
  EXPECT_FALSE(read->unknown.has_value());
  EXPECT_EQ(token_text(*read, 262), "<|user|>");
  EXPECT_EQ(token_text(*read, 264), std::nullopt);
}

TEST(ParseTokenizerJson, TakesMergesInBothNotations) {
  Json json = byte_level_tokenizer();
  const auto texts = parse_tokenizer_json(to_text(json));
  JsonList lists;
  for (const Json& merge : *part(json, "model.merges").list()) {
    const std::string& text = *merge.text();
    const size_t space = text.find(' ');
    lists.push_back(JsonList{text.substr(0, space), text.substr(space + 1)});
  }
  const auto pairs = read_with(json, "model.merges", lists);
  ASSERT_TRUE(texts && pairs);
  ASSERT_EQ(texts->merges.size(), pairs->merges.size());
  for (size_t i = 0; i < texts->merges.size(); ++i) {
    EXPECT_EQ(texts->merges[i].left, pairs->merges[i].left);
    EXPECT_EQ(texts->merges[i].right, pairs->merges[i].right);
    EXPECT_EQ(texts->merges[i].merged, pairs->merges[i].merged);
  }
}

TEST(ParseTokenizerJson, PutsTheStepsOfSequencesInARow) {
  const Json digits = JsonObject{{"type", "Digits"}, {"individual_digits", true}};
  const Json byte_level =
      JsonObject{{"type", "ByteLevel"}, {"use_regex", false}, {"add_prefix_space", false}};
  const Json inner = JsonObject{{"type", "Sequence"}, {"pretokenizers", JsonList{digits, byte_level}}};
  const auto read = read_with(byte_level_tokenizer(), "pre_tokenizer",
                              JsonObject{{"type", "Sequence"}, {"pretokenizers", JsonList{digits, inner}}});
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->pre_tokenizers.size(), 3);
  EXPECT_TRUE(std::holds_alternative<TokenizerJson::Split>(read->pre_tokenizers[1]));
  EXPECT_FALSE(std::get<TokenizerJson::ByteLevel>(read->pre_tokenizers[2]).use_regex);
}

TEST(ParseTokenizerJson, RefusesWhatItCanNotDoByItsPath) {
  const auto refuses = [](const char* path, Json value, const char* text) {
    return fails(read_with(byte_level_tokenizer(), path, std::move(value)), ErrorKind::kFatal, text);
  };
  const auto step = [](const char* type) { return JsonObject{{"type", type}}; };
  EXPECT_TRUE(refuses("model.type", "WordPiece", "model.type: is WordPiece; only BPE is known here"));
  EXPECT_TRUE(refuses("model.type", "Unigram", "model.type: is Unigram"));
  EXPECT_TRUE(refuses("model.dropout", 0.1, "model.dropout: is set"));
  EXPECT_TRUE(refuses("model.end_of_word_suffix", "</w>", "model.end_of_word_suffix: is set"));
  EXPECT_TRUE(refuses("model.continuing_subword_prefix", "##", "model.continuing_subword_prefix: is set"));
  EXPECT_TRUE(refuses("model.extra", 1, "model.extra: unknown field"));
  EXPECT_TRUE(refuses("normalizer", step("BertNormalizer"), "normalizer.type: is BertNormalizer"));
  EXPECT_TRUE(refuses("pre_tokenizer", step("UnicodeScripts"), "pre_tokenizer.type: is UnicodeScripts"));
  EXPECT_TRUE(refuses("decoder", step("CTC"), "decoder.type: is CTC"));
  EXPECT_TRUE(refuses("pre_tokenizer.extra", 1, "pre_tokenizer.extra: unknown field"));
  const Json two =
      JsonObject{{"type", "Sequence"}, {"pretokenizers", JsonList{step("ByteLevel"), step("Digits")}}};
  EXPECT_TRUE(refuses("pre_tokenizer", two, "pre_tokenizer.pretokenizers: another one after ByteLevel"));
  const Json unknown = JsonObject{{"type", "Sequence"}, {"normalizers", JsonList{step("NFC"), step("Nmt")}}};
  EXPECT_TRUE(refuses("normalizer", unknown, "normalizer.normalizers[1].type: is Nmt"));
}

TEST(ParseTokenizerJson, RefusesWhatIsNotConsistent) {
  const auto refuses = [](const char* path, Json value, const char* text) {
    return fails(read_with(byte_level_tokenizer(), path, std::move(value)), ErrorKind::kFatal, text);
  };
  EXPECT_TRUE(refuses("model.vocab.lo", -1, "model.vocab: \"lo\" has no id"));
  EXPECT_TRUE(refuses("model.vocab.lo", 1 << 24, "model.vocab: \"lo\" has no id in 0 .. 16777215"));
  EXPECT_TRUE(refuses("model.vocab.lo", 257, "have one id"));
  EXPECT_TRUE(refuses("model.merges[1]", "lo q", "model.merges[1]: \"loq\" or a part of it"));
  EXPECT_TRUE(refuses("model.merges[1]", "lo", "model.merges[1]: is neither"));
  EXPECT_TRUE(refuses("model.merges[1]", "l o w", "model.merges[1]: is neither"));
  EXPECT_TRUE(refuses("model.merges[1]", JsonList{"l", "o", "w"}, "model.merges[1]: is neither"));
  EXPECT_TRUE(refuses("model.unk_token", "<none>", "model.unk_token: \"<none>\" is not in the vocabulary"));
  EXPECT_TRUE(refuses("added_tokens[1].id", 261, "added_tokens[1]: id 261 has two texts"));
  EXPECT_TRUE(refuses("added_tokens[1].id", 256, "added_tokens[1]: id 256 has two texts"));
  EXPECT_TRUE(refuses("added_tokens[1].content", "low", "added_tokens[1]: \"low\" has the ids 257 and 262"));
  EXPECT_TRUE(refuses("added_tokens[1].special", "yes", "added_tokens[1].special: must be true or false"));
  EXPECT_TRUE(fails(parse_tokenizer_json("{}"), ErrorKind::kFatal, "model: missing"));
  EXPECT_TRUE(fails(parse_tokenizer_json("[1"), ErrorKind::kFatal, "not JSON"));
}

TokenizerJson with_tokens(const JsonList& added_tokens) {
  return read_with(byte_level_tokenizer(), "added_tokens", added_tokens).value();
}

TEST(SeparatorOf, IsTheTokenThatEndsADocument) {
  const TokenizerJson gpt2 = with_tokens({added_token(300, "<|endoftext|>", true)});
  EXPECT_EQ(separator_of(gpt2, std::nullopt).value(), 300);
  EXPECT_EQ(separator_of(gpt2, R"({"eos_token": "<|endoftext|>"})").value(), 300);
  // A chat model's eos_token ends a turn.
  const TokenizerJson qwen =
      with_tokens({added_token(300, "<|im_end|>", true), added_token(301, "<|endoftext|>", true)});
  EXPECT_EQ(separator_of(qwen, R"({"eos_token": "<|im_end|>"})").value(), 301);
  const TokenizerJson gemma =
      with_tokens({added_token(300, "<eos>", true), added_token(301, "<end_of_turn>", true)});
  EXPECT_EQ(separator_of(gemma, R"({"eos_token": {"content": "<end_of_turn>", "lstrip": false}})").value(),
            300);
  // Of two such tokens the configuration chooses.
  const TokenizerJson phi =
      with_tokens({added_token(300, "<|endoftext|>", true), added_token(301, "</s>", true)});
  EXPECT_EQ(separator_of(phi, R"({"eos_token": "</s>"})").value(), 301);
}

TEST(SeparatorOf, IsTheEosTokenWhereNoNameIsKnown) {
  const TokenizerJson own = with_tokens({added_token(300, "<fin>", true)});
  EXPECT_EQ(separator_of(own, R"({"eos_token": "<fin>"})").value(), 300);
  EXPECT_EQ(separator_of(own, R"({"eos_token": "lower"})").value(), 260);
  EXPECT_TRUE(fails(separator_of(own, R"({"eos_token": "<none>"})"), ErrorKind::kFatal,
                    "the eos_token of tokenizer_config.json, \"<none>\", is no token"));
  EXPECT_TRUE(fails(separator_of(own, std::nullopt), ErrorKind::kFatal, "no token ends a document"));
  EXPECT_TRUE(
      fails(separator_of(own, R"({"eos_token": null})"), ErrorKind::kFatal, "no token ends a document"));
  EXPECT_TRUE(fails(separator_of(own, "{"), ErrorKind::kFatal, "tokenizer_config.json: "));
  // A word of the text is no end, though it looks like one.
  EXPECT_TRUE(fails(separator_of(with_tokens({added_token(300, "</s>", false)}), std::nullopt),
                    ErrorKind::kFatal, "no token ends a document"));
}

}  // namespace
}  // namespace templar::testing
