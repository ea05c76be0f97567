#include "evaluation/unicode_text.h"

#include <gtest/gtest.h>

namespace templar {
namespace {

TEST(UnicodeText, CountsCodePointsAndNotBytes) {
  EXPECT_EQ(code_points(""), 0);
  EXPECT_EQ(code_points("abc"), 3);
  EXPECT_EQ(code_points("é€😀"), 3) << "of 2, 3 and 4 bytes";
}

TEST(UnicodeText, StripsAllWhiteSpaceThatPythonKnows) {
  EXPECT_EQ(stripped(" \t\n a b \r\n"), "a b");
  EXPECT_EQ(stripped("\u00a0\u3000é\u2003"), "é");
  EXPECT_EQ(stripped("\u2028 \u0085"), "");
  EXPECT_EQ(stripped_right(" a \u00a0"), " a");
  EXPECT_EQ(stripped("\u200b"), "\u200b") << "of no width, but no white space";
}

TEST(UnicodeText, CapitalisesTheFirstLetterAndNoOther) {
  EXPECT_EQ(capitalised("he STIRS McDonald's"), "He stirs mcdonald's");
  EXPECT_EQ(capitalised("éCOLE ÀÉ"), "École àé");
  EXPECT_EQ(capitalised("жУК"), "Жук");
  EXPECT_EQ(capitalised("1A😀B"), "1a😀b");
  EXPECT_EQ(capitalised(""), "");
}

TEST(UnicodeText, ReplacesFromTheLeftAndOnce) {
  EXPECT_EQ(replaced("a   b", "  ", " "), "a  b");
  EXPECT_EQ(replaced("a [title] b [title]", " [title]", ". "), "a.  b. ");
  EXPECT_EQ(replaced("", "x", "y"), "");
}

}  // namespace
}  // namespace templar
