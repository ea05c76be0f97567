#include "core/data/make_receipt.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "base/bytes.h"

namespace templar {
namespace {

// The digests are Python's hashlib.blake2b(digest_size=16) over struct.pack('<Q', id) of the sorted ids.
TEST(SampleReceipt, IsBlake2bOverTheAscendingIds) {
  const SampleReceipt receipt =
      make_receipt(std::vector<uint64_t>{3, 1, std::numeric_limits<uint64_t>::max(), 1});
  EXPECT_EQ(to_hex(receipt.digest), "c617e5124bc87170a3a5d9eafb589b44");
  EXPECT_EQ(receipt.count, 4);
}

TEST(SampleReceipt, OfNothingIsTheEmptyDigest) {
  const SampleReceipt receipt = make_receipt({});
  EXPECT_EQ(to_hex(receipt.digest), "cae66941d9efbd404e4d88758ea67670");
  EXPECT_EQ(receipt.count, 0);
}

TEST(SampleReceipt, DoesNotDependOnTheOrder) {
  EXPECT_EQ(make_receipt(std::vector<uint64_t>{5, 9, 7}), make_receipt(std::vector<uint64_t>{9, 7, 5}));
}

TEST(SampleReceipt, TellsEveryDifference) {
  const SampleReceipt receipt = make_receipt(std::vector<uint64_t>{5, 9, 7});
  EXPECT_NE(receipt, make_receipt(std::vector<uint64_t>{5, 9, 8}));
  EXPECT_NE(receipt, make_receipt(std::vector<uint64_t>{5, 9}));
  EXPECT_NE(receipt, make_receipt(std::vector<uint64_t>{5, 9, 7, 7}));
}

}  // namespace
}  // namespace templar
