#include "ports/byte_level.h"

#include <gtest/gtest.h>

namespace templar {
namespace {

TEST(ByteLevel, GivesBackTheBytesOfItsCharacters) {
  std::string text;
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) {
    text += byte_level_character(static_cast<uint8_t>(byte));
    bytes += static_cast<char>(byte);
  }
  EXPECT_EQ(byte_level_bytes(text), bytes);
  EXPECT_EQ(byte_level_bytes("\u0120low"), " low");
  EXPECT_EQ(byte_level_bytes(""), "");
}

TEST(ByteLevel, KnowsNoOtherCharacters) {
  for (const char* text : {" ", "a b", "\u0144", "\u4e2d", "\n", "\xff"})
    EXPECT_EQ(byte_level_bytes(text), std::nullopt) << text;
}

}  // namespace
}  // namespace templar
