#include "core/consensus/blake2b_lanes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/random.h"
#include "support/simd_targets.h"

namespace templar {
namespace {

class Blake2bLanes : public testing::OnEachSimdTarget {
 protected:
  // Messages of these lengths with random bytes, at odd addresses.
  void draw(const std::vector<size_t>& lengths) {
    size_t total = 1;
    for (const size_t length : lengths) total += length + 3;
    content_.resize(total);
    Random random(lengths.size() + total, "messages");
    std::ranges::generate(content_, [&] { return static_cast<uint8_t>(random.next()); });
    messages_.clear();
    size_t position = 1;
    for (const size_t length : lengths) {
      messages_.push_back(ByteView(content_).subspan(position, length));
      position += length + 3;
    }
  }
  void expect_libsodiums(ByteView key) {
    std::vector<Hash256> hashes(messages_.size());
    blake2b_256_each(messages_, key, hashes);
    for (size_t i = 0; i < messages_.size(); ++i) {
      EXPECT_EQ(hashes[i], Blake2b(32, key).update(messages_[i]).finish256())
          << "message " << i << " of " << messages_.size() << ", " << messages_[i].size() << " bytes";
    }
  }

  Bytes content_;
  std::vector<ByteView> messages_;
};
INSTANTIATE_TEST_SUITE_P(Targets, Blake2bLanes, testing::simd_targets(), testing::simd_target_name);

TEST_P(Blake2bLanes, GiveLibsodiumsHashesForEveryLengthAroundABlocks) {
  for (const size_t length : {1, 7, 8, 64, 127, 128, 129, 255, 256, 257, 383, 384, 1000, 5000}) {
    draw(std::vector<size_t>(11, length));
    expect_libsodiums({});
    expect_libsodiums(as_bytes("key"));
  }
}

TEST_P(Blake2bLanes, GiveLibsodiumsHashesForEveryNumberOfMessages) {
  for (size_t count = 0; count < 20; ++count) {
    draw(std::vector<size_t>(count, 300));
    expect_libsodiums(as_bytes("templar state block v1"));
  }
}

TEST_P(Blake2bLanes, TakeMessagesOfDifferentLengthsAndEmptyOnes) {
  draw({0, 0, 5, 5, 5, 1, 2, 3, 128, 128, 129, 0, 300, 300, 300, 300, 300, 300, 300, 300, 300, 7});
  expect_libsodiums({});
  expect_libsodiums(
      as_bytes(std::string_view("0123456789012345678901234567890123456789012345678901234567890123")));
}

}  // namespace
}  // namespace templar
