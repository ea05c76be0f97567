#include "adapters/tokenizers/pre_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/expect_failure.h"

namespace templar::testing {
namespace {

using enum TokenizerJson::SplitBehaviour;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using SplitSteps = std::vector<TokenizerJson::PreTokenizer>;

std::vector<std::string> pieces_of(std::string_view text, const SplitSteps& steps,
                                   bool begins_document = true) {
  const auto made = PreTokenizer::make(steps);
  EXPECT_TRUE(made) << made.error().message;
  const TextPieces cut = made->cut(text, begins_document);
  return {cut.pieces.begin(), cut.pieces.end()};
}

std::vector<std::string> cut_at_dashes(TokenizerJson::SplitBehaviour behaviour, bool invert = false) {
  return pieces_of("the-final--countdown", {TokenizerJson::Split{{"-", false}, behaviour, invert}});
}

// The examples of the library's documentation.
TEST(PreTokenizer, CutsAsItsBehaviourSays) {
  EXPECT_THAT(cut_at_dashes(kRemoved), ElementsAre("the", "final", "countdown"));
  EXPECT_THAT(cut_at_dashes(kIsolated), ElementsAre("the", "-", "final", "-", "-", "countdown"));
  EXPECT_THAT(cut_at_dashes(kMergedWithPrevious), ElementsAre("the-", "final-", "-", "countdown"));
  EXPECT_THAT(cut_at_dashes(kMergedWithNext), ElementsAre("the", "-final", "-", "-countdown"));
  EXPECT_THAT(cut_at_dashes(kContiguous), ElementsAre("the", "-", "final", "--", "countdown"));
  EXPECT_THAT(cut_at_dashes(kRemoved, true), ElementsAre("-", "-", "-"));
}

TEST(PreTokenizer, TakesALiteralForWhatItIs) {
  EXPECT_THAT(pieces_of("a.b", {TokenizerJson::Split{{".", false}, kIsolated, false}}),
              ElementsAre("a", ".", "b"));
  EXPECT_THAT(pieces_of("a.b", {TokenizerJson::Split{{".", true}, kIsolated, false}}),
              ElementsAre("a", ".", "b"));
  EXPECT_THAT(pieces_of("a.b", {TokenizerJson::Split{{"..", true}, kIsolated, false}}),
              ElementsAre("a.", "b"));
}

TEST(PreTokenizer, CutsAsGpt2Does) {
  const SplitSteps gpt2 = {TokenizerJson::ByteLevel{.add_prefix_space = false, .use_regex = true}};
  EXPECT_THAT(pieces_of("I'll've 12ab  x \n", gpt2),
              ElementsAre("I", "'ll", "'ve", " 12", "ab", " ", " x", " \n"));
  EXPECT_THAT(pieces_of("", gpt2), IsEmpty());
  const SplitSteps with_space = {TokenizerJson::ByteLevel{.add_prefix_space = true, .use_regex = true}};
  EXPECT_THAT(pieces_of("a b", with_space), ElementsAre(" a", " b"));
  EXPECT_THAT(pieces_of(" a", with_space), ElementsAre(" a"));
}

// U+0085 is a space, U+180E is none; U+1E5D0 is a letter since Unicode 16.
TEST(PreTokenizer, KnowsCharactersAsOnigurumaDoes) {
  const auto one = [](const char* pattern, const char* character) {
    return pieces_of(character, {TokenizerJson::Split{{pattern, true}, kRemoved, false}}).empty();
  };
  EXPECT_TRUE(one("\\s", "\u0085"));
  EXPECT_FALSE(one("\\s", "\u180e"));
  EXPECT_TRUE(one("\\S", "\u180e"));
  EXPECT_TRUE(one("\\p{L}", "\U0001e5d0"));
  EXPECT_FALSE(one("[^\\p{L}]", "\U0001e5d0"));
  EXPECT_TRUE(one("\\w", "\u0301"));
  EXPECT_TRUE(one("(?i:'S)", "'\u017f"));
  EXPECT_TRUE(one("\\p{N}", "\u00bd"));
  EXPECT_FALSE(one("\\d", "\u00bd"));
}

TEST(PreTokenizer, DoesOneStepAfterTheOther) {
  const SplitSteps steps = {TokenizerJson::Split{{"\\p{N}", true}, kIsolated, false},
                            TokenizerJson::ByteLevel{.add_prefix_space = true, .use_regex = false}};
  EXPECT_THAT(pieces_of("ab12", steps), ElementsAre(" ab", " 1", " 2"));
}

TEST(PreTokenizer, PutsMetaspacesWhereItsSchemeSays) {
  const auto metaspace = [](TokenizerJson::PrependScheme scheme, bool split = true) {
    return SplitSteps{TokenizerJson::Metaspace{"_", scheme, split}};
  };
  using enum TokenizerJson::PrependScheme;
  EXPECT_THAT(pieces_of("a b", metaspace(kAlways)), ElementsAre("_a", "_b"));
  EXPECT_THAT(pieces_of(" a", metaspace(kAlways)), ElementsAre("_a"));
  EXPECT_THAT(pieces_of("a  b", metaspace(kNever)), ElementsAre("a", "_", "_b"));
  EXPECT_THAT(pieces_of("a b", metaspace(kFirst)), ElementsAre("_a", "_b"));
  EXPECT_THAT(pieces_of("a b", metaspace(kFirst), false), ElementsAre("a", "_b"));
  EXPECT_THAT(pieces_of("a b", metaspace(kAlways, false)), ElementsAre("_a_b"));
}

// A pattern that matches nothing at all cuts between the characters, and does not go on for ever.
TEST(PreTokenizer, EndsWithAPatternThatMatchesNothing) {
  EXPECT_THAT(pieces_of("ab\u00e9", {TokenizerJson::Split{{"x*", true}, kIsolated, false}}),
              ElementsAre("a", "b", "\u00e9"));
}

// Machine code has a stack of 32 kB: what it can't hold is searched without it.
TEST(PreTokenizer, SearchesDeepMatchesToo) {
  const std::string text(200'000, 'a');
  EXPECT_THAT(pieces_of(text + "b", {TokenizerJson::Split{{"(?:a|aa)+b", true}, kIsolated, false}}),
              ElementsAre(text + "b"));
}

TEST(PreTokenizer, RefusesAPatternThatIsNone) {
  EXPECT_TRUE(fails(PreTokenizer::make(SplitSteps{TokenizerJson::Split{{"a{2,1}", true}, kIsolated, false}}),
                    ErrorKind::kFatal, "the pattern a{2,1}: "));
  EXPECT_TRUE(fails(PreTokenizer::make(SplitSteps{TokenizerJson::Split{{"\\h", true}, kIsolated, false}}),
                    ErrorKind::kFatal, "the pattern \\h: \\h (at byte 0) is not known here"));
}

}  // namespace
}  // namespace templar::testing
