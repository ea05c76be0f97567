#include "adapters/corpus/text_encoding.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "support/text_source.h"

namespace templar {
namespace {

using namespace std::string_literals;
using testing::TextSource;

std::string utf8_of(const std::string& bytes, size_t piece = 1000) {
  const auto source = as_utf8(std::make_unique<TextSource>(bytes)).value();
  std::string text;
  Bytes buffer(piece);
  for (;;) {
    const size_t count = source->read(buffer).value();
    text += as_text(ByteView(buffer).first(count));
    if (count < buffer.size()) return text;
  }
}

// Each character's bytes, in units of that size and order, behind the mark.
std::string packed(const std::u32string& text, size_t unit_bytes, bool is_big_endian) {
  std::string bytes;
  const auto put = [&](uint32_t unit) {
    for (size_t i = 0; i < unit_bytes; ++i) {
      const size_t shift = is_big_endian ? unit_bytes - 1 - i : i;
      bytes += static_cast<char>(unit >> (8 * shift));
    }
  };
  for (const char32_t c : U"\xfeff" + text) {
    if (unit_bytes == 2 && c >= 0x10000) {
      put(0xd800 + ((c - 0x10000) >> 10));
      put(0xdc00 + ((c - 0x10000) & 0x3ff));
    } else {
      put(c);
    }
  }
  return bytes;
}

const std::string kText = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\nb";

TEST(AsUtf8, ConvertsUtf16AndUtf32) {
  for (const size_t unit : {2, 4}) {
    for (const bool is_big_endian : {false, true}) {
      EXPECT_EQ(utf8_of(packed(U"a\u00e9\u20ac\U0001f600\nb", unit, is_big_endian)), kText)
          << unit << is_big_endian;
    }
  }
  std::u32string many;
  std::string expected;
  for (int i = 0; i < 50'000; ++i) {
    many += U"a\u00e9\u20ac\U0001f600\nb";
    expected += kText;
  }
  for (const size_t piece : {7UZ, 300'000UZ}) EXPECT_EQ(utf8_of(packed(many, 2, false), piece), expected);
}

TEST(AsUtf8, ReplacesWhatIsNoCharacter) {
  const std::string replacement = "\xef\xbf\xbd";
  EXPECT_EQ(utf8_of("\xff\xfe\x00\xd8"s), replacement);                              // a half at the end
  EXPECT_EQ(utf8_of("\xff\xfe\x00\xd8\x61\x00"s), replacement + "a");                // a half before a letter
  EXPECT_EQ(utf8_of("\xff\xfe\x00\xdc\x61\x00"s), replacement + "a");                // the other half alone
  EXPECT_EQ(utf8_of("\xff\xfe\x61\x00\x62"s), "a" + replacement);                    // half a unit
  EXPECT_EQ(utf8_of("\xff\xfe\0\0\x00\x00\x11\x00\x61\0\0\0"s), replacement + "a");  // above U+10FFFF
}

TEST(AsUtf8, LeavesOutMarksAtTheBeginningOfLines) {
  const std::string mark = "\xef\xbb\xbf";
  EXPECT_EQ(utf8_of(mark + "one\n" + mark + "two\r\n" + mark + mark + "three"), "one\ntwo\r\nthree");
  EXPECT_EQ(utf8_of("a" + mark + "b"), "a" + mark + "b");  // a character of the text
  EXPECT_EQ(utf8_of(mark), "");
  EXPECT_EQ(utf8_of(packed(U"one\n\xfeff"
                           U"two",
                           2, true)),
            "one\ntwo");
  // Also where it stands across the buffers.
  for (size_t before = 65'530; before < 65'540; ++before) {
    const std::string line(before, 'x');
    EXPECT_EQ(utf8_of(line + "\n" + mark + "y", 100'000), line + "\ny") << before;
  }
}

TEST(AsUtf8, PassesEverythingElseOnAsItIs) {
  for (const std::string& text :
       {""s, "\xef"s, "\xef\xbb"s, "a\0b"s, "\xfe"s, "\xff"s, "caf\xe9\n\xef\xbb"s}) {
    EXPECT_EQ(utf8_of(text), text);
    EXPECT_EQ(utf8_of(text, 1), text);
  }
}

TEST(LikelyEncoding, IsToldByTheZeroBytes) {
  const std::u32string text = U"plain words, as many as it takes";
  const auto without_mark = [&](size_t unit, bool is_big_endian) {
    return packed(text, unit, is_big_endian).substr(unit);
  };
  EXPECT_EQ(likely_encoding(without_mark(2, false)), "UTF-16LE");
  EXPECT_EQ(likely_encoding(without_mark(2, true)), "UTF-16BE");
  EXPECT_EQ(likely_encoding(without_mark(4, false)), "UTF-32LE");
  EXPECT_EQ(likely_encoding(without_mark(4, true)), "UTF-32BE");
  // Letters whose upper bytes are not zero: only spaces and line ends tell.
  std::u32string russian;
  std::u32string chinese;
  for (int i = 0; i < 20; ++i) {
    russian += U"\u0441\u043b\u043e\u0432\u043e ";
    chinese += i % 10 == 0 ? U"\u4e00\n" /* a lower byte that is zero */ : U"\u8a9e\u6587\n";
  }
  for (const std::u32string& other : {russian, chinese}) {
    EXPECT_EQ(likely_encoding(packed(other, 2, false).substr(2)), "UTF-16LE");
    EXPECT_EQ(likely_encoding(packed(other, 2, true).substr(2)), "UTF-16BE");
    EXPECT_EQ(likely_encoding(packed(other, 4, false).substr(4)), "UTF-32LE");
    EXPECT_EQ(likely_encoding(packed(other, 4, true).substr(4)), "UTF-32BE");
  }
  std::string binary;
  for (int i = 0; i < 1000; ++i) binary += static_cast<char>(i * 37 / 11);
  EXPECT_EQ(likely_encoding(binary), std::nullopt);
  EXPECT_EQ(likely_encoding("plain words, as many as it takes"), std::nullopt);
  EXPECT_EQ(likely_encoding(std::string(100, '\0')), std::nullopt);
  EXPECT_EQ(likely_encoding("a\0"s), std::nullopt);
}

}  // namespace
}  // namespace templar
