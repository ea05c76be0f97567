#include "sim/faults/node_store.h"

#include <gtest/gtest.h>

#include <bit>

namespace templar::testing {
namespace {

class StoreOfANode : public ::testing::Test {
 protected:
  struct Node {
    Node(StoreOfANode& world, const CallChances& chances)
        : calls("node", 1, chances, world.log_, [](int64_t) {}), store(world.store_, world.stamps_, calls) {}
    NodeCalls calls;
    NodeStore store;
  };
  void put(std::string_view key, const Bytes& content) {
    stamps_.set_offset(0);
    ASSERT_TRUE(store_.put("bucket", key, content));
  }

  VirtualClock clock_{100'000};
  OffsetClock stamps_{clock_};
  MemoryObjectStore store_{stamps_};
  FaultLog log_{clock_, {}};
  const Bytes content_ = Bytes(64, 7);
};

TEST_F(StoreOfANode, StampsWhatIsPutByItsOwnClock) {
  Node node(*this, {});
  node.store.set_clock_offset(-5000);
  ASSERT_TRUE(node.store.put("bucket", "a", content_));
  put("b", content_);
  EXPECT_EQ(node.store.head("bucket", "a").value()->stored_at_ms, 95'000);
  EXPECT_EQ(node.store.head("bucket", "b").value()->stored_at_ms, 100'000);
}

TEST_F(StoreOfANode, GivesHalfOfWhatIsTorn) {
  put("a", content_);
  Node node(*this, {.torn_read = 1});
  EXPECT_EQ(node.store.get("bucket", "a", 100).value(), Bytes(32, 7));
}

TEST_F(StoreOfANode, GivesOneBitWrongOfWhatIsRotten) {
  put("a", content_);
  Node node(*this, {.rotten_read = 1});
  for (const Bytes& read : {node.store.get("bucket", "a", 100).value(),
                            node.store.get_range("bucket", "a", {0, content_.size()}).value()}) {
    int wrong_bits = 0;
    for (size_t i = 0; i < content_.size(); ++i)
      wrong_bits += std::popcount(static_cast<unsigned>(read[i] ^ content_[i]));
    EXPECT_EQ(wrong_bits, 1);
  }
  EXPECT_EQ(store_.get("bucket", "a", 100).value(), content_) << "it is the reader who is wrong";
}

TEST_F(StoreOfANode, LeavesWhatIsNewOutOfAStaleListing) {
  put("old", content_);
  clock_.advance(61'000);
  put("young", content_);
  Node stale(*this, {.stale_list = 1});
  const auto listed = stale.store.list("bucket", "").value();
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed.front().key, "old");
  Node fresh(*this, {});
  EXPECT_EQ(fresh.store.list("bucket", "").value().size(), 2u);
}

}  // namespace
}  // namespace templar::testing
