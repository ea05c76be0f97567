#include "formats/sentencepiece/tokenizer_files.h"

#include <gtest/gtest.h>

#include "support/expect_failure.h"
#include "support/sentencepiece_message.h"

namespace templar::testing {
namespace {

std::vector<TokenizerFile> files_with_model(const std::string& message) {
  return {{"tokenizer.model", Bytes(message.begin(), message.end())}};
}

TEST(TokenizerFiles, TellTheirKind) {
  EXPECT_EQ(kind_of_tokenizer({}).value(), TokenizerKind::kNone);
  EXPECT_EQ(kind_of_tokenizer(make_byte_tokenizer()->files()).value(), TokenizerKind::kBytes);
  EXPECT_EQ(kind_of_tokenizer(files_with_model("")).value(), TokenizerKind::kSentencePiece);
  std::vector<TokenizerFile> changed = make_byte_tokenizer()->files();
  changed[0].content.back() ^= 1;
  EXPECT_TRUE(fails(kind_of_tokenizer(changed), ErrorKind::kFatal, "neither"));
}

TEST(TokenizerFiles, TellTheSeparator) {
  EXPECT_EQ(separator_of_tokenizer(make_byte_tokenizer()->files()), 0);
  EXPECT_EQ(separator_of_tokenizer(files_with_model(sentencepiece_message())), 2);
  EXPECT_EQ(separator_of_tokenizer(files_with_model("junk")), std::nullopt);
  EXPECT_EQ(separator_of_tokenizer({}), std::nullopt);
}

}  // namespace
}  // namespace templar::testing
