#include "base/base64.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace templar {
namespace {

TEST(Base64, IsThatOfTheStandard) {
  // RFC 4648, section 10.
  const std::pair<std::string, std::string> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : vectors) {
    EXPECT_EQ(to_base64(as_bytes(plain)), coded);
    EXPECT_EQ(as_text(from_base64(coded).value()), plain);
  }
  EXPECT_EQ(to_base64(Bytes{0xfb, 0xff}), "+/8=");
  EXPECT_EQ(to_base64(Bytes{0xfb, 0xff}, Base64Form::kUrl), "-_8");
  EXPECT_EQ(from_base64("-_8", Base64Form::kUrl).value(), (Bytes{0xfb, 0xff}));
}

TEST(Base64, TakesOneSpellingOfAValue) {
  for (const char* text :
       {"Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm9v\n", " Zm9v", "Zm9v=", "=", "Zm 9v", "Z-8="})
    EXPECT_FALSE(from_base64(text)) << text;
  for (const char* text : {"Zg==", "Zh", "+_8", "A"})
    EXPECT_FALSE(from_base64(text, Base64Form::kUrl)) << text;
}

TEST(Base64, GivesBackAllBytes) {
  Random random(1);
  for (size_t size = 0; size < 70; ++size) {
    Bytes bytes(size);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.next());
    for (const Base64Form form : {Base64Form::kStandard, Base64Form::kUrl})
      EXPECT_EQ(from_base64(to_base64(bytes, form), form).value(), bytes);
  }
}

}  // namespace
}  // namespace templar
