#include "formats/gguf/gguf_tokenizer.h"

#include <gtest/gtest.h>

#include <set>

#include "support/expect_failure.h"
#include "support/gguf_reader.h"
#include "support/sentencepiece_message.h"

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
      fails(told({{"tokenizer.json", {'{', '}'}}}, 64), ErrorKind::kFatal, "neither the byte tokenizer"));
}

}  // namespace
}  // namespace templar::testing
