#include "adapters/tokenizers/oniguruma_pattern.h"

#include <gtest/gtest.h>

#include "support/expect_failure.h"

namespace templar::testing {
namespace {

std::string translated(std::string_view pattern) {
  const auto result = translate_oniguruma(pattern);
  EXPECT_TRUE(result) << result.error().message;
  return result.value_or("");
}

TEST(TranslateOniguruma, LeavesWhatMeansTheSame) {
  for (const char* pattern :
       {"a|b+?c*+", "(?i:'s|'t)(?!x)(?<=y)(?>z)", "[^a-z\\]\\r\\n]{1,3}", "\\.\\x{41}\\x41"})
    EXPECT_EQ(translated(pattern), pattern);
}

TEST(TranslateOniguruma, WritesOutTheClassesThatDiffer) {
  EXPECT_EQ(translated("\\s"), "[\\t-\\r\\x{20}\\x{85}\\p{Z}]");
  EXPECT_EQ(translated("\\S[a\\s]"), "[^\\t-\\r\\x{20}\\x{85}\\p{Z}][a\\t-\\r\\x{20}\\x{85}\\p{Z}]");
  EXPECT_EQ(translated("\\p{Nl}"), "[\\p{Nl}]");
  EXPECT_EQ(translated("\\p{Me}\\P{Me}\\p{^Me}"), "[\\p{Me}][^\\p{Me}][^\\p{Me}]");
  EXPECT_EQ(translated("\\u0041"), "\\x{0041}");
  EXPECT_EQ(translated("\\v"), "\\x{0B}");
}

TEST(TranslateOniguruma, AddsTheCharactersThatUnicodeGotSince) {
  EXPECT_EQ(translated("[\\p{Pd}]"), "[\\p{Pd}\\x{10D6E}]");
  const std::string letters = translated("\\p{L}");
  EXPECT_TRUE(letters.starts_with("[\\p{L}\\x{1C89}-\\x{1C8A}")) << letters;
  EXPECT_TRUE(letters.ends_with("\\x{31350}-\\x{323AF}]")) << letters;
  EXPECT_TRUE(translated("\\P{L}").starts_with("[^\\p{L}"));
}

TEST(TranslateOniguruma, RefusesWhatMeansSomethingElse) {
  const auto refuses = [](std::string_view pattern, std::string_view what) {
    return fails(translate_oniguruma(pattern), ErrorKind::kFatal, what);
  };
  EXPECT_TRUE(refuses("\\p{N}{1,3}+", "}+ (at byte 9) is not known here"));
  EXPECT_TRUE(refuses("a{2}?", "}? after a number"));
  EXPECT_TRUE(refuses("a{,2}", "{,"));
  EXPECT_TRUE(refuses("[a&&b]", "&& within [ ]"));
  EXPECT_TRUE(refuses("[a[b]]", "[ within [ ]"));
  EXPECT_TRUE(refuses("[a", "a [ without its ]"));
  EXPECT_TRUE(refuses("[]a]", "[]"));
  EXPECT_TRUE(refuses("[\\S]", "\\S within [ ]"));
  EXPECT_TRUE(refuses("[\\P{L}]", "a \\P within [ ]"));
  EXPECT_TRUE(refuses("\\h", "\\h"));
  EXPECT_TRUE(refuses("a\\b", "\\b"));
  EXPECT_TRUE(refuses("(?m:.)", "(?m:"));
  EXPECT_TRUE(refuses("(?<name>a)", "(?<n"));
  EXPECT_TRUE(refuses("(?i)a", "an option without a colon"));
  EXPECT_TRUE(refuses("(*UTF)a", "(*"));
  EXPECT_TRUE(refuses("\\p{L", "\\p{ without its }"));
  EXPECT_TRUE(refuses("\\pL", "\\p without {"));
  EXPECT_TRUE(refuses("\\u12", "\\u without four digits"));
  EXPECT_TRUE(refuses("a\\", "a \\ at the end"));
}

}  // namespace
}  // namespace templar::testing
