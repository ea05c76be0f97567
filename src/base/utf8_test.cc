#include "base/utf8.h"

#include <gtest/gtest.h>

namespace templar {
namespace {

TEST(Utf8, KnowsTheSizeOfACharacter) {
  EXPECT_EQ(utf8_character_size("a\xff"), 1u);
  EXPECT_EQ(utf8_character_size("\xc3\xa4x"), 2u);
  EXPECT_EQ(utf8_character_size("\xe2\x82\xac"), 3u);
  EXPECT_EQ(utf8_character_size("\xf0\x9f\x90\x8d"), 4u);
  EXPECT_EQ(utf8_character_size("\xf4\x8f\xbf\xbf"), 4u);
}

TEST(Utf8, RefusesWhatIsNoCharacter) {
  // A byte alone, an end that is missing, surrogates, overlong spellings, numbers beyond Unicode.
  for (const char* bad : {"\x80", "\xff", "\xe2\x82", "\xed\xa0\x80", "\xed\xbf\xbf", "\xc0\xaf",
                          "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80"}) {
    EXPECT_EQ(utf8_character_size(bad), 0u) << bad;
  }
}

TEST(Utf8, ReplacesTheBytesOfNoCharacter) {
  EXPECT_EQ(valid_utf8("a\xc3\xa4\xff\xf0\x9f\x90\x8d\xe2\x82"),
            "a\xc3\xa4\xef\xbf\xbd\xf0\x9f\x90\x8d\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(valid_utf8(""), "");
}

TEST(AsciiLower, LowersLettersOfAsciiAlone) {
  EXPECT_EQ(ascii_lower("A.ZST-@[`{"), "a.zst-@[`{");
  EXPECT_EQ(ascii_lower("\xc3\x84"), "\xc3\x84");
}

}  // namespace
}  // namespace templar
