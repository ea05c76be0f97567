#include "adapters/tokenizers/added_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace templar::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr uint32_t kText = 999;

// Sections as pairs of text and id.
std::vector<std::pair<std::string, uint32_t>> cut(const std::vector<TokenizerJson::AddedToken>& tokens,
                                                  std::string_view text) {
  AddedTokens added;
  for (const auto& token : tokens) added.add(token, token.content);
  std::vector<std::pair<std::string, uint32_t>> sections;
  for (const AddedTokens::Section& section : added.cut(text))
    sections.emplace_back(section.text, section.id.value_or(kText));
  return sections;
}

TEST(AddedTokens, AreTheLeftmostAndLongest) {
  const std::vector<TokenizerJson::AddedToken> tokens = {
      {.id = 1, .content = "<a"}, {.id = 2, .content = "<a>"}, {.id = 3, .content = "a>b"}};
  EXPECT_THAT(cut(tokens, "x<a>b<a"),
              ElementsAre(Pair("x", kText), Pair("<a>", 2), Pair("b", kText), Pair("<a", 1)));
  EXPECT_THAT(cut(tokens, "a>b"), ElementsAre(Pair("a>b", 3)));
  EXPECT_THAT(cut(tokens, ""), IsEmpty());
  EXPECT_THAT(cut({}, "text"), ElementsAre(Pair("text", kText)));
}

TEST(AddedTokens, TakeSpacesAlongOnlyOnce) {
  const std::vector<TokenizerJson::AddedToken> tokens = {{.id = 1, .content = "<l>", .lstrip = true},
                                                         {.id = 2, .content = "<r>", .rstrip = true}};
  EXPECT_THAT(cut(tokens, "a <l> b"), ElementsAre(Pair("a", kText), Pair(" <l>", 1), Pair(" b", kText)));
  EXPECT_THAT(cut(tokens, "<r>  <l>"), ElementsAre(Pair("<r>  ", 2), Pair("<l>", 1)));
}

// A token that begins within the space that an earlier one took is no longer there as a whole.
TEST(AddedTokens, MayBeSpaceThatIsGone) {
  const std::vector<TokenizerJson::AddedToken> tokens = {{.id = 1, .content = "<r>", .rstrip = true},
                                                         {.id = 2, .content = " \n"}};
  EXPECT_THAT(cut(tokens, "<r> \nx"), ElementsAre(Pair("<r> \n", 1), Pair("x", kText)));
}

TEST(AddedTokens, CountAsWordsOnlyByThemselves) {
  const std::vector<TokenizerJson::AddedToken> tokens = {{.id = 1, .content = "ab", .single_word = true}};
  EXPECT_THAT(cut(tokens, "ab"), ElementsAre(Pair("ab", 1)));
  EXPECT_THAT(cut(tokens, "(ab)"), ElementsAre(Pair("(", kText), Pair("ab", 1), Pair(")", kText)));
  EXPECT_THAT(cut(tokens, "abc \u00e9ab ab_"), ElementsAre(Pair("abc \u00e9ab ab_", kText)));
}

}  // namespace
}  // namespace templar::testing
