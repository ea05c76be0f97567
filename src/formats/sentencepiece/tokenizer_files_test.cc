#include "formats/sentencepiece/tokenizer_files.h"

#include <gtest/gtest.h>

#include "support/expect_failure.h"
#include "support/sentencepiece_message.h"
#include "support/tokenizer_json_file.h"

namespace templar::testing {
namespace {

std::vector<TokenizerFile> files_with_model(const std::string& message) {
  return {{"tokenizer.model", Bytes(message.begin(), message.end())}};
}

TokenizerFile file_of(const std::string& name, const std::string& content) {
  return {name, Bytes(content.begin(), content.end())};
}

TEST(TokenizerFiles, TellTheirKind) {
  EXPECT_EQ(kind_of_tokenizer({}).value(), TokenizerKind::kNone);
  EXPECT_EQ(kind_of_tokenizer(make_byte_tokenizer()->files()).value(), TokenizerKind::kBytes);
  EXPECT_EQ(kind_of_tokenizer(files_with_model("")).value(), TokenizerKind::kSentencePiece);
  std::vector<TokenizerFile> changed = make_byte_tokenizer()->files();
  changed[0].content.back() ^= 1;
  EXPECT_EQ(kind_of_tokenizer(changed).value(), TokenizerKind::kHuggingFace);
  changed.erase(changed.begin());
  EXPECT_TRUE(fails(kind_of_tokenizer(changed), ErrorKind::kFatal, "neither"));
}

TEST(TokenizerFiles, TellTheSeparator) {
  EXPECT_EQ(separator_of_tokenizer(make_byte_tokenizer()->files()), 0);
  EXPECT_EQ(separator_of_tokenizer(files_with_model(sentencepiece_message())), 2);
  EXPECT_EQ(separator_of_tokenizer(files_with_model("junk")), std::nullopt);
  EXPECT_EQ(separator_of_tokenizer({}), std::nullopt);
  std::vector<TokenizerFile> files = {file_of("tokenizer.json", to_text(byte_level_tokenizer()))};
  EXPECT_EQ(separator_of_tokenizer(files), 261);
  files.push_back(file_of("tokenizer_config.json", R"({"eos_token": "lower"})"));
  EXPECT_EQ(separator_of_tokenizer(files), 261);
  files[0] = file_of("tokenizer.json", to_text(byte_fallback_tokenizer()));
  EXPECT_EQ(separator_of_tokenizer(files), 257);
  files[0] = file_of("tokenizer.json", "junk");
  EXPECT_EQ(separator_of_tokenizer(files), std::nullopt);
}

}  // namespace
}  // namespace templar::testing
