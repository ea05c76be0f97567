#include "ports/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/json_values.h"

namespace templar {
namespace {

using ::testing::ElementsAre;

std::string all_bytes() {
  std::string text;
  for (int byte = 1; byte < 256; ++byte) text += static_cast<char>(byte);
  return text;
}

Json file_json(const Tokenizer& tokenizer, const std::string& name) {
  for (const TokenizerFile& file : tokenizer.files()) {
    if (file.name == name) return testing::parsed_json(as_text(file.content));
  }
  ADD_FAILURE() << name << " is missing";
  return {};
}

// A code point below 0x800, as one or two bytes of UTF-8.
uint32_t code_point(const std::string& text) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(text[i])); };
  return text.size() == 1 ? byte(0) : ((byte(0) & 0x1f) << 6) | (byte(1) & 0x3f);
}

TEST(ByteTokenizer, GivesEachByteAsItsToken) {
  const auto tokenizer = make_byte_tokenizer();
  EXPECT_EQ(tokenizer->vocab_size(), 256);
  EXPECT_EQ(tokenizer->separator_id(), 0);
  EXPECT_EQ(tokenizer->name(), "bytes");
  EXPECT_THAT(tokenizer->encode("a\n\xc3\xa4"), ElementsAre(97, 10, 0xc3, 0xa4));
}

TEST(ByteTokenizer, GivesBackEveryByteButNul) {
  const auto tokenizer = make_byte_tokenizer();
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(all_bytes())), all_bytes());
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("")), "");
}

TEST(ByteTokenizer, DropsNulBytes) {
  const auto tokenizer = make_byte_tokenizer();
  EXPECT_THAT(tokenizer->encode(std::string_view("a\0b\0", 4)), ElementsAre('a', 'b'));
}

TEST(ByteTokenizer, LeavesSeparatorsAndForeignIdsOutOfTheText) {
  const auto tokenizer = make_byte_tokenizer();
  EXPECT_EQ(tokenizer->decode(std::vector<uint32_t>{'a', 0, 256, 4'000'000'000, 'b'}), "ab");
}

TEST(ByteTokenizer, WritesATokenizerJsonInWhichEachByteHasItsOwnCharacter) {
  const auto tokenizer = make_byte_tokenizer();
  const Json json = file_json(*tokenizer, "tokenizer.json");
  EXPECT_EQ(json.at("model").at("type"), "BPE");
  EXPECT_TRUE(json.at("model").at("merges").list()->empty());
  EXPECT_EQ(json.at("pre_tokenizer").at("type"), "ByteLevel");
  EXPECT_EQ(json.at("decoder").at("type"), "ByteLevel");
  const Json& vocab = json.at("model").at("vocab");
  ASSERT_EQ(vocab.size(), 256);
  std::vector<uint32_t> character(256, 0);
  for (const auto& [text, id] : *vocab.object()) character.at(testing::as<uint32_t>(id)) = code_point(text);
  // GPT-2's table: printable Latin-1 is itself, the others follow from U+0100 on in the order of the bytes.
  EXPECT_EQ(character['a'], 'a');
  EXPECT_EQ(character['"'], '"');
  EXPECT_EQ(character['\\'], '\\');
  EXPECT_EQ(character[0], 0x100);
  EXPECT_EQ(character['\n'], 0x10a);
  EXPECT_EQ(character[' '], 0x120);
  EXPECT_EQ(character[0x7f], 0x121);
  EXPECT_EQ(character[0xa0], 0x142);
  EXPECT_EQ(character[0xad], 0x143);
  EXPECT_EQ(character[0xff], 0xff);
}

TEST(ByteTokenizer, SaysWhatEachIdStandsFor) {
  const auto tokenizer = make_byte_tokenizer();
  const EncodedText part = tokenizer->encode_part("ab", std::string("c\0d", 3), "e");
  EXPECT_EQ(part.ids, (std::vector<uint32_t>{'c', 'd'}));
  EXPECT_EQ(part.source_bytes, (std::vector<uint32_t>{1, 2}));  // the NUL counts to the last
  EXPECT_TRUE(tokenizer->encode_part("ab", "", "e").source_bytes.empty());
}

TEST(ByteTokenizer, WritesATokenizerConfig) {
  const auto tokenizer = make_byte_tokenizer();
  EXPECT_EQ(file_json(*tokenizer, "tokenizer_config.json").at("tokenizer_class"), "PreTrainedTokenizerFast");
}

}  // namespace
}  // namespace templar
