#include "base/bytes.h"

#include <gtest/gtest.h>

#include "support/expect_failure.h"

namespace templar {
namespace {

using testing::fails;

TEST(Bytes, AreWrittenLittleEndian) {
  ByteWriter writer;
  writer.put(uint32_t{0x01020304});
  writer.put(int16_t{-2});
  writer.put(1.0f);  // 0x3f800000
  writer.put_bytes(as_bytes("ab"));
  EXPECT_EQ(writer.size(), 12u);
  EXPECT_EQ(to_hex(writer.view()), "04030201feff0000803f6162");
}

TEST(Bytes, AreReadAsTheyWereWritten) {
  ByteWriter writer;
  writer.put(uint64_t{0xfedcba9876543210});
  writer.put(-0.1);
  writer.put_bytes(as_bytes("tail"));
  const Bytes bytes = writer.take();
  ByteReader reader(bytes);
  EXPECT_EQ(reader.get<uint64_t>("number").value(), 0xfedcba9876543210u);
  EXPECT_EQ(reader.get<double>("fraction").value(), -0.1);
  EXPECT_EQ(reader.position(), 16u);
  EXPECT_EQ(as_text(reader.get_bytes(4, "text").value()), "tail");
  EXPECT_EQ(reader.remaining(), 0u);
}

TEST(ByteReader, RefusesEveryReadThatTheBytesAreTooShortForAndStaysWhereItIs) {
  const Bytes bytes = {1, 2, 3, 4, 5, 6, 7};
  ByteReader reader(bytes);
  EXPECT_TRUE(fails(reader.get<uint64_t>("window"), ErrorKind::kSkip,
                    "window: needs 8 bytes at offset 0, 7 are left"));
  EXPECT_EQ(reader.get<uint32_t>("uid").value(), 0x04030201u);
  EXPECT_TRUE(
      fails(reader.get<uint32_t>("uid"), ErrorKind::kSkip, "uid: needs 4 bytes at offset 4, 3 are left"));
  EXPECT_TRUE(
      fails(reader.get_bytes(4, "hash"), ErrorKind::kSkip, "hash: needs 4 bytes at offset 4, 3 are left"));
  EXPECT_EQ(reader.position(), 4u);
  EXPECT_EQ(reader.get_bytes(3, "rest").value().size(), 3u);
}

TEST(ByteReader, IsNotFooledByASizeThatWrapsAround) {
  const Bytes bytes = {1, 2, 3};
  ByteReader reader(bytes);
  ASSERT_TRUE(reader.get<uint8_t>("first"));
  EXPECT_TRUE(fails(reader.get_bytes(SIZE_MAX, "all"), ErrorKind::kSkip, "2 are left"));
}

TEST(ByteReader, ReadsNothingFromNothing) {
  ByteReader reader{ByteView()};
  EXPECT_TRUE(reader.get_bytes(0, "nothing").has_value());
  EXPECT_TRUE(fails(reader.get<uint8_t>("byte"), ErrorKind::kSkip, "byte"));
}

TEST(Hexadecimal, HasOneSpelling) {
  const Bytes bytes = {0x00, 0x0f, 0xa5, 0xff};
  EXPECT_EQ(to_hex(bytes), "000fa5ff");
  EXPECT_EQ(from_hex("000fa5ff").value(), bytes);
  EXPECT_EQ(from_hex("").value(), Bytes());
  EXPECT_TRUE(fails(from_hex("00F0"), ErrorKind::kSkip, "not 0-9 or a-f"));
  EXPECT_TRUE(fails(from_hex("0g"), ErrorKind::kSkip, "not 0-9 or a-f"));
  EXPECT_TRUE(fails(from_hex(" 0"), ErrorKind::kSkip, "not 0-9 or a-f"));
  EXPECT_TRUE(fails(from_hex("000"), ErrorKind::kSkip, "odd number"));
}

}  // namespace
}  // namespace templar
