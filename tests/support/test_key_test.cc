#include "support/test_key.h"

#include <gtest/gtest.h>

namespace templar::testing {
namespace {

TEST(TestKeyFixture, GivesOneKeyForOneNumber) {
  EXPECT_EQ(test_key(4).public_key(), test_key(4).public_key());
  EXPECT_NE(test_key(4).public_key(), test_key(5).public_key());
}

}  // namespace
}  // namespace templar::testing
