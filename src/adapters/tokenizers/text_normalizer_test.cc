#include "adapters/tokenizers/text_normalizer.h"

#include <gtest/gtest.h>

namespace templar::testing {
namespace {

std::string normalized(std::string_view text, const std::vector<TokenizerJson::Normalizer>& steps) {
  const auto made = TextNormalizer::make(steps);
  EXPECT_TRUE(made) << made.error().message;
  return made->normalized(text);
}

TEST(TextNormalizer, KnowsTheFormsOfUnicode) {
  using enum TokenizerJson::UnicodeForm;
  EXPECT_EQ(normalized("e\u0301 \ufb01", {kNfc}), "\u00e9 \ufb01");
  EXPECT_EQ(normalized("\u00e9 \ufb01", {kNfd}), "e\u0301 \ufb01");
  EXPECT_EQ(normalized("e\u0301 \ufb01", {kNfkc}), "\u00e9 fi");
  EXPECT_EQ(normalized("\u00e9 \ufb01", {kNfkd}), "e\u0301 fi");
  EXPECT_EQ(normalized("plain", {kNfkc}), "plain");
}

// The library's tables are of Unicode 9: marks that came later are not put in order.
TEST(TextNormalizer, LeavesLaterCharactersAsTheyAre) {
  using enum TokenizerJson::UnicodeForm;
  EXPECT_EQ(normalized("\u08d4\u0334", {kNfc}), "\u0334\u08d4");
  EXPECT_EQ(normalized("\u07fd\u0334", {kNfc}), "\u07fd\u0334");
  EXPECT_EQ(normalized("\u32ff", {kNfkc}), "\u32ff");
}

TEST(TextNormalizer, MakesLettersSmallOneByOne) {
  EXPECT_EQ(normalized("\u00c4B \u0130 \u03a3\u03a3", {TokenizerJson::Lowercase{}}),
            "\u00e4b i\u0307 \u03c3\u03c3");
}

TEST(TextNormalizer, KnowsTheCapitalsOfUnicode17) {
  EXPECT_EQ(normalized("\u1c89\ua7cb\U00010d50\U00010d65\U00016eb8", {TokenizerJson::Lowercase{}}),
            "\u1c8a\u0264\U00010d70\U00010d85\U00016ed3");
}

TEST(TextNormalizer, ReplacesPrependsAndStrips) {
  EXPECT_EQ(normalized("a.b.", {TokenizerJson::Replace{{".", false}, "--"}}), "a--b--");
  EXPECT_EQ(normalized("a1b22", {TokenizerJson::Replace{{"\\d+", true}, "#"}}), "a#b#");
  EXPECT_EQ(normalized("a", {TokenizerJson::Prepend{"_"}}), "_a");
  EXPECT_EQ(normalized("", {TokenizerJson::Prepend{"_"}}), "");
  EXPECT_EQ(normalized(" \u3000a \n", {TokenizerJson::Strip{true, false}}), "a \n");
  EXPECT_EQ(normalized(" \u3000a \n", {TokenizerJson::Strip{true, true}}), "a");
  EXPECT_EQ(normalized(" b", {TokenizerJson::Prepend{"_"}, TokenizerJson::Replace{{" ", false}, "_"}}),
            "__b");
}

TEST(WithReplacements, PutsOneForEachCharacterThatBreaksOff) {
  EXPECT_EQ(with_replacements("a\xff z"), "a\ufffd z");
  EXPECT_EQ(with_replacements("\xe2\x82"), "\ufffd");
  EXPECT_EQ(with_replacements("\xf0\x9f\x98"
                              "b"),
            "\ufffdb");
  EXPECT_EQ(with_replacements("\xed\xa0\x80"), "\ufffd\ufffd\ufffd");
  EXPECT_EQ(with_replacements("\xc0\xaf"), "\ufffd\ufffd");
  EXPECT_EQ(with_replacements("\u20ac\U0001f600"), "\u20ac\U0001f600");
}

TEST(TextNormalizer, KnowsWordsAndSpaces) {
  EXPECT_EQ(leading_space_bytes("\t\u2003x"), 4);
  EXPECT_EQ(trailing_space_bytes("x\u2003 "), 4);
  EXPECT_EQ(trailing_space_bytes("  "), 2);
  EXPECT_EQ(first_character("\u00e9x"), U'\u00e9');
  EXPECT_EQ(last_character("x\U0001f600"), U'\U0001f600');
  EXPECT_EQ(last_character(""), U'\0');
  EXPECT_TRUE(is_mark("\u0301x"));
  EXPECT_FALSE(is_mark("x\u0301"));
  EXPECT_FALSE(is_mark("\xcc"));
  for (const char32_t c : {U'a', U'_', U'7', U'\u0301', U'\u200d', U'\u4e2d'})
    EXPECT_TRUE(is_word_character(c));
  for (const char32_t c : {U' ', U'-', U'\u00b2', U'\0'}) EXPECT_FALSE(is_word_character(c));
}

}  // namespace
}  // namespace templar::testing
