#include "app/terminal/printable.h"

#include <gtest/gtest.h>

namespace templar::testing {
namespace {

TEST(Printable, LeavesTextAsItIs) {
  EXPECT_EQ(printable("a\tb\nÄ € 😀"), "a\tb\nÄ € 😀");
}

TEST(Printable, LetsNoTextCommandATerminal) {
  EXPECT_EQ(printable("\x1b[2J\x7f\r"), "\\x1b[2J\\x7f\\x0d");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\x9b31m");
}

TEST(Printable, ReplacesWhatIsNoUtf8) {
  const std::string no_character = "\xef\xbf\xbd";
  EXPECT_EQ(printable("a\xff"
                      "b"),
            "a" + no_character + "b");
  EXPECT_EQ(printable("\xe2\x82"), no_character + no_character);
  EXPECT_EQ(printable("\xed\xa0\x80"), no_character + no_character + no_character);  // a surrogate
  EXPECT_EQ(printable("\xc0\xaf"), no_character + no_character);                     // overlong
}

}  // namespace
}  // namespace templar::testing
