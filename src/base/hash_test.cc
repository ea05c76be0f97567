#include "base/hash.h"

#include <gtest/gtest.h>

#include "support/expect_failure.h"

namespace templar {
namespace {

using testing::fails;

// RFC 7693, appendix A.
TEST(Blake2b, GivesTheKnownAnswerOfTheStandard) {
  std::array<uint8_t, 64> digest{};
  Blake2b(64).update(as_bytes("abc")).finish(digest);
  EXPECT_EQ(to_hex(digest),
            "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
            "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
}

// RFC 7693, appendix E: the digest of all digests and keyed digests of these lengths of these inputs.
TEST(Blake2b, PassesTheSelfTestOfTheStandard) {
  const auto sequence = [](size_t size, uint32_t seed) {
    Bytes bytes(size);
    uint32_t a = 0xdead4bad * seed;
    uint32_t b = 1;
    for (uint8_t& byte : bytes) {
      const uint32_t next = a + b;
      a = b;
      b = next;
      byte = static_cast<uint8_t>(next >> 24);
    }
    return bytes;
  };
  Blake2b all(32);
  for (const size_t digest_size : {20, 32, 48, 64}) {
    for (const size_t input_size : {0, 3, 128, 129, 255, 1024}) {
      const Bytes input = sequence(input_size, static_cast<uint32_t>(input_size));
      const Bytes key = sequence(digest_size, static_cast<uint32_t>(digest_size));
      Bytes digest(digest_size);
      Blake2b(digest_size).update(input).finish(digest);
      all.update(digest);
      Blake2b(digest_size, key).update(input).finish(digest);
      all.update(digest);
    }
  }
  EXPECT_EQ(all.finish256().hex(), "c23a7800d98123bd10f506c61e29da5603d763b8bbad2e737f5e765a7bccd475");
}

TEST(Blake2b, DoesNotCareHowTheInputIsCut) {
  Bytes input(1000);
  for (size_t i = 0; i < input.size(); ++i) input[i] = static_cast<uint8_t>(i * 31);
  Blake2b pieces;
  for (size_t i = 0; i < input.size(); i += 7)
    pieces.update(ByteView(input).subspan(i, std::min<size_t>(7, input.size() - i)));
  EXPECT_EQ(pieces.finish256(), blake2b_256(input));
}

TEST(Blake2b, TakesNumbersAsTheirLittleEndianBytes) {
  const Bytes bytes = {0x04, 0x03, 0x02, 0x01};
  EXPECT_EQ(Blake2b().update_value(uint32_t{0x01020304}).finish256(), blake2b_256(bytes));
}

TEST(Hash256, IsReadAsItIsWritten) {
  const Hash256 hash = blake2b_256(as_bytes("abc"));
  EXPECT_EQ(hash.hex(), "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
  EXPECT_EQ(hash.brief(), "bddd813c");
  EXPECT_EQ(parse_hash256(hash.hex()).value(), hash);
}

TEST(Hash256, RefusesEveryOtherText) {
  const std::string text(64, 'a');
  EXPECT_TRUE(fails(parse_hash256(text.substr(1)), ErrorKind::kSkip, "this one 63"));
  EXPECT_TRUE(fails(parse_hash256(text + "aa"), ErrorKind::kSkip, "this one 66"));
  EXPECT_TRUE(fails(parse_hash256(std::string(64, 'A')), ErrorKind::kSkip, "not 0-9 or a-f"));
}

}  // namespace
}  // namespace templar
