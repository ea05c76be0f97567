#include "formats/gguf/gguf_tokenizer.h"

#include <gtest/gtest.h>

#include <set>

#include "support/expect_failure.h"
#include "support/gguf_reader.h"
#include "support/sentencepiece_message.h"
#include "support/tokenizer_json_file.h"

namespace templar::testing {
namespace {

std::vector<TokenizerFile> sentencepiece_files(const std::string& message) {
  return {{"tokenizer.model", Bytes(message.begin(), message.end())}, {"tokenizer_config.json", {}}};
}

Result<GgufFile> told(const std::vector<TokenizerFile>& files, int64_t vocab_size) {
  GgufMetadata metadata;
  TRY(put_tokenizer(files, vocab_size, metadata));
  return GgufReader(std::string(as_text(gguf_header(metadata, {})))).read();
}

using Texts = std::vector<std::string>;
using Integers = std::vector<int64_t>;

TEST(GgufTokenizer, WritesTheByteTokenizerAsBytePairsWithoutMerges) {
  const auto file = told(make_byte_tokenizer()->files(), 256);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->get<std::string>("tokenizer.ggml.model"), "gpt2");
  const Texts& tokens = file->get<Texts>("tokenizer.ggml.tokens");
  ASSERT_EQ(tokens.size(), 256);
  EXPECT_EQ(std::set<std::string>(tokens.begin(), tokens.end()).size(), 256);
  EXPECT_EQ(tokens['a'], "a");
  EXPECT_EQ(tokens['"'], "\"");
  EXPECT_EQ(tokens[' '], "\u0120");
  EXPECT_EQ(tokens['\n'], "\u010a");
  EXPECT_EQ(tokens[0xad], "\u0143");
  EXPECT_EQ(tokens[0xff], "\u00ff");
  EXPECT_EQ(file->get<Texts>("tokenizer.ggml.merges").size(), 0);
  EXPECT_EQ(file->get<uint64_t>("tokenizer.ggml.eos_token_id"), 0);
  EXPECT_FALSE(file->get<bool>("tokenizer.ggml.add_bos_token"));
}

// Otherwise llama.cpp would read it where a text has the character that stands for byte 0.
TEST(GgufTokenizer, KeepsTheSeparatorOutOfTexts) {
  const auto file = told(make_byte_tokenizer()->files(), 256);
  EXPECT_EQ(file->get<Texts>("tokenizer.ggml.tokens")[0], "<|endoftext|>");
  EXPECT_EQ(file->get<Integers>("tokenizer.ggml.token_type")[0], 3);
  EXPECT_EQ(file->get<Integers>("tokenizer.ggml.token_type")[1], 1);
}

TEST(GgufTokenizer, WritesSentencePieceWithScoresAndTypes) {
  const auto file = told(sentencepiece_files(sentencepiece_message()), 6);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->get<std::string>("tokenizer.ggml.model"), "llama");
  EXPECT_EQ(file->get<Texts>("tokenizer.ggml.tokens"),
            (Texts{"<unk>", "<s>", "</s>", "<0x0A>", "\u2581", "\u2581the"}));
  EXPECT_EQ(file->get<Integers>("tokenizer.ggml.token_type"), (Integers{2, 3, 3, 6, 1, 1}));
  EXPECT_EQ(file->get<std::vector<double>>("tokenizer.ggml.scores")[5], -0.5);
  EXPECT_EQ(file->get<uint64_t>("tokenizer.ggml.bos_token_id"), 1);
  EXPECT_EQ(file->get<uint64_t>("tokenizer.ggml.eos_token_id"), 2);
  EXPECT_EQ(file->get<uint64_t>("tokenizer.ggml.unknown_token_id"), 0);
  EXPECT_FALSE(file->get<bool>("tokenizer.ggml.add_space_prefix"));
  EXPECT_FALSE(file->get<bool>("tokenizer.ggml.add_bos_token"));
  EXPECT_FALSE(file->get<bool>("tokenizer.ggml.add_eos_token"));
}

TEST(GgufTokenizer, TellsOfTheSpaceThatAModelPutsBeforeAText) {
  const std::string normalizer = protobuf_bytes(3, protobuf_number(4, 0));
  const auto file =
      told(sentencepiece_files(sentencepiece_pieces() + sentencepiece_trainer() + normalizer), 6);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_TRUE(file->get<bool>("tokenizer.ggml.add_space_prefix"));
}

std::vector<TokenizerFile> tokenizer_json_files(const Json& json) {
  const std::string text = to_text(json);
  return {{"tokenizer.json", Bytes(text.begin(), text.end())}};
}

TEST(GgufTokenizer, WritesATokenizerJsonWithItsMerges) {
  const auto file = told(tokenizer_json_files(byte_level_tokenizer()), 266);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->get<std::string>("tokenizer.ggml.model"), "gpt2");
  EXPECT_EQ(file->get<std::string>("tokenizer.ggml.pre"), "gpt-2");
  const Texts& tokens = file->get<Texts>("tokenizer.ggml.tokens");
  ASSERT_EQ(tokens.size(), 266);
  EXPECT_EQ(tokens[259], "\u0120low");
  EXPECT_EQ(tokens[261], "<|endoftext|>");
  EXPECT_EQ(tokens[265], "[PAD265]");
  const Integers& types = file->get<Integers>("tokenizer.ggml.token_type");
  EXPECT_EQ(Integers(types.begin() + 260, types.end()), (Integers{1, 3, 3, 4, 5, 5}));
  EXPECT_EQ(file->get<Texts>("tokenizer.ggml.merges"), (Texts{"l o", "lo w", "e r", "\u0120 low", "low er"}));
  EXPECT_EQ(file->get<uint64_t>("tokenizer.ggml.bos_token_id"), 261);
  EXPECT_EQ(file->get<uint64_t>("tokenizer.ggml.eos_token_id"), 261);
  EXPECT_FALSE(file->get<bool>("tokenizer.ggml.add_bos_token"));
}

// The pattern of Llama 3 and Qwen, with digits taken `digits` at a time.
Json cut_like_llama(const std::string& digits) {
  const std::string pattern = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}" + digits +
                              "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  const Json split = JsonObject{{"type", "Split"},
                                {"pattern", JsonObject{{"Regex", pattern}}},
                                {"behavior", "Isolated"},
                                {"invert", false}};
  const Json bytes = JsonObject{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  return JsonObject{{"type", "Sequence"}, {"pretokenizers", JsonList{split, bytes}}};
}

TEST(GgufTokenizer, KnowsHowModelsCutTexts) {
  Json json = byte_level_tokenizer();
  const auto cut_of = [&]() -> std::string {
    const auto file = told(tokenizer_json_files(json), 264);
    return file ? file->get<std::string>("tokenizer.ggml.pre") : file.error().message;
  };
  json["pre_tokenizer"] = cut_like_llama("{1,3}");
  EXPECT_NE(cut_of().find("it cuts a text in a way of its own"), std::string::npos);
  json["model"]["ignore_merges"] = true;
  EXPECT_EQ(cut_of(), "llama-bpe");
  json["model"]["ignore_merges"] = false;
  json["pre_tokenizer"] = cut_like_llama("");
  json["normalizer"] = JsonObject{{"type", "NFC"}};
  EXPECT_EQ(cut_of(), "qwen2");
  json["normalizer"] = JsonObject{{"type", "NFKC"}};
  EXPECT_NE(cut_of().find("its normalizer"), std::string::npos);
  json = byte_fallback_tokenizer();
  EXPECT_NE(cut_of().find("does not end with ByteLevel, which llama.cpp would not do alike"),
            std::string::npos);
}

TEST(GgufTokenizer, FillsUpALargerVocabularyWithUnusedTokens) {
  const auto file = told(make_byte_tokenizer()->files(), 259);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->get<Texts>("tokenizer.ggml.tokens")[258], "[PAD258]");
  EXPECT_EQ(file->get<Integers>("tokenizer.ggml.token_type")[258], 5);
  EXPECT_TRUE(fails(told(make_byte_tokenizer()->files(), 255), ErrorKind::kFatal,
                    "the tokenizer has 256 tokens, the model's vocabulary 255"));
}

TEST(GgufTokenizer, SaysThatThereIsNone) {
  const auto file = told({}, 64);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->get<std::string>("tokenizer.ggml.model"), "no_vocab");
  EXPECT_EQ(file->metadata.size(), 1);
}

TEST(GgufTokenizer, RefusesWhatLlamaCppWouldNotDoAlike) {
  const auto refused = [](const std::string& message, const char* why) {
    return fails(told(sentencepiece_files(message), 64), ErrorKind::kFatal, why);
  };
  const auto trainer = [](uint64_t type, uint64_t fallback) {
    return protobuf_bytes(2, protobuf_number(3, type) + protobuf_number(35, fallback));
  };
  const std::string pieces = sentencepiece_pieces();
  const std::string normalizer = sentencepiece_normalizer();
  EXPECT_TRUE(refused(pieces + trainer(1, 1) + normalizer, "not a BPE model"));
  EXPECT_TRUE(refused(pieces + trainer(2, 0) + normalizer, "no bytes for characters"));
  EXPECT_TRUE(refused(pieces + trainer(2, 1), "removes spaces"));
  EXPECT_TRUE(
      refused(pieces + trainer(2, 1) + sentencepiece_normalizer(protobuf_bytes(2, "rules")), "normalises"));
  EXPECT_TRUE(
      refused(pieces + trainer(2, 1) + sentencepiece_normalizer(protobuf_number(5, 0)), "spaces in a way"));
  EXPECT_TRUE(refused(piece_message("a", 0, 1) + trainer(2, 1) + normalizer, "no token that ends"));
  EXPECT_TRUE(refused("junk", "tokenizer.model"));
  EXPECT_TRUE(
      fails(told({{"tokenizer.json", {'{', '}'}}}, 64), ErrorKind::kFatal, "tokenizer.json: model: missing"));
}

}  // namespace
}  // namespace templar::testing
