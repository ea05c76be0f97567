#include "core/scoring/draw.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "support/test_key.h"

namespace templar::testing {
namespace {

Hash256 hash_of(uint8_t number) {
  Hash256 hash;
  hash.bytes.fill(number);
  return hash;
}

TEST(Draw, SignsPurposeRunWindowAndBlock) {
  const Bytes message = draw_message(hash_of(0xaa), 0x0102, hash_of(0xbb));
  EXPECT_EQ(as_text(message), "templar.draw.v1" + std::string(32, '\xaa') +
                                  std::string("\x02\x01\0\0\0\0\0\0", 8) + std::string(32, '\xbb'));
}

TEST(Draw, HasASeedOfItsOwnForEachValidatorWindowRunAndBlock) {
  std::set<uint64_t> seeds;
  const auto add = [&](uint32_t validator, uint8_t run, int64_t window, uint8_t block) {
    const Bytes message = draw_message(hash_of(run), window, hash_of(block));
    return seeds.insert(draw_seed(test_key(validator).sign(message))).second;
  };
  EXPECT_TRUE(add(0, 1, 7, 2));
  EXPECT_TRUE(add(1, 1, 7, 2));
  EXPECT_TRUE(add(0, 2, 7, 2));
  EXPECT_TRUE(add(0, 1, 8, 2));
  EXPECT_TRUE(add(0, 1, 7, 3));
  EXPECT_FALSE(add(0, 1, 7, 2)) << "the same again is the same";
}

TEST(Draw, TakesItsSeedFromTheHashOfTheSignature) {
  EXPECT_EQ(draw_seed(Signature{}), 17676015884774390030u);
}

}  // namespace
}  // namespace templar::testing
