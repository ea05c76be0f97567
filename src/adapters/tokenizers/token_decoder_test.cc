#include "adapters/tokenizers/token_decoder.h"

#include <gtest/gtest.h>

namespace templar::testing {
namespace {

constexpr uint32_t kNever = 2;

// Tokens "_a" (0), "b" (1), the separator (2), "<0xC3>" (3), "<0xA9>" (4), and the added token "<x>" (5).
TokenizerJson model(std::vector<TokenizerJson::Decoder> decoders) {
  TokenizerJson tokenizer;
  tokenizer.vocab = {"_a", "b", "</s>", "<0xC3>", "<0xA9>"};
  tokenizer.added_tokens = {{.id = 2, .content = "</s>", .special = true}, {.id = 5, .content = "<x>"}};
  tokenizer.decoders = std::move(decoders);
  return tokenizer;
}

std::string decoded(std::vector<TokenizerJson::Decoder> decoders, const std::vector<uint32_t>& ids) {
  return TokenDecoder(model(std::move(decoders)), kNever).decode(ids);
}

using Steps = TokenizerJson;

TEST(TokenDecoder, DoesItsStepsInTheirOrder) {
  EXPECT_EQ(decoded({}, {0, 1}), "_a b");
  EXPECT_EQ(decoded({Steps::DecodeFuse{}}, {0, 1}), "_ab");
  EXPECT_EQ(decoded({Steps::DecodeReplace{"_", " "}, Steps::DecodeFuse{}}, {0, 0}), " a a");
  EXPECT_EQ(
      decoded({Steps::DecodeReplace{"_", " "}, Steps::DecodeFuse{}, Steps::DecodeStrip{" ", 1, 0}}, {0, 0}),
      "a a");
  EXPECT_EQ(decoded({Steps::DecodeStrip{"b", 0, 1}, Steps::DecodeFuse{}}, {1, 0, 1}), "_a");
  EXPECT_EQ(decoded({Steps::DecodeMetaspace{"_", true}}, {0, 0}), "a a");
  EXPECT_EQ(decoded({Steps::DecodeMetaspace{"_", false}}, {0, 0}), " a a");
}

TEST(TokenDecoder, PutsBytesTogether) {
  EXPECT_EQ(decoded({Steps::DecodeByteFallback{}, Steps::DecodeFuse{}}, {1, 3, 4, 1}), "b\u00e9b");
  EXPECT_EQ(decoded({Steps::DecodeByteFallback{}, Steps::DecodeFuse{}}, {3}), "\xc3");
}

TEST(TokenDecoder, LeavesOutWhatIsNoText) {
  EXPECT_EQ(decoded({Steps::DecodeFuse{}}, {kNever, 1, 77, 5}), "b<x>");
  EXPECT_EQ(decoded({Steps::DecodeFuse{}}, {}), "");
}

TEST(TokenDecoder, TellsTheSizesWithinAText) {
  const std::vector<uint32_t> sizes =
      TokenDecoder(model({Steps::DecodeReplace{"_", " "}, Steps::DecodeByteFallback{}, Steps::DecodeFuse{},
                          Steps::DecodeStrip{" ", 1, 0}}),
                   kNever)
          .sizes();
  EXPECT_EQ(sizes, (std::vector<uint32_t>{2, 1, 0, 1, 1, 3}));
}

}  // namespace
}  // namespace templar::testing
