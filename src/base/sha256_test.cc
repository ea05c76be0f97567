#include "base/sha256.h"

#include <gtest/gtest.h>

namespace templar {
namespace {

TEST(Sha256, IsThatOfTheStandard) {
  EXPECT_EQ(sha256({}).hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256(as_bytes("abc")).hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, OfPiecesIsThatOfTheWhole) {
  const Bytes bytes(1000, 7);
  Sha256 pieces;
  size_t begin = 0;
  for (const size_t size : {0, 1, 63, 64, 65, 807}) {
    pieces.update(ByteView(bytes).subspan(begin, size));
    begin += size;
  }
  EXPECT_EQ(pieces.finish(), sha256(bytes));
}

// RFC 4231, test cases 2 and 6: a short key, and one longer than a block.
TEST(HmacSha256, IsThatOfTheStandardForEveryLengthOfKey) {
  EXPECT_EQ(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?")).hex(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(
      hmac_sha256(Bytes(131, 0xaa), as_bytes("Test Using Larger Than Block-Size Key - Hash Key First")).hex(),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

}  // namespace
}  // namespace templar
