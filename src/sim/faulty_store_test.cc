#include "sim/faulty_store.h"

#include "support/contracts/object_store_contract.h"

namespace templar::testing {
namespace {

// Without faults it is a store like any other.
struct FaultyHarness {
  ObjectStore& store() { return faulty; }
  bool advance_ms(int64_t by_ms) {
    clock.advance(by_ms);
    return true;
  }

  VirtualClock clock{1000};
  MemoryObjectStore memory{clock};
  FaultyStore faulty{memory};
};

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Faulty, ObjectStoreContract, FaultyHarness);

namespace {

class FaultyStoreTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string text(std::string_view key) {
    const auto content = store_.get("bucket", key, 100);
    return content ? std::string(as_text(*content)) : "error: " + content.error().message;
  }
  void put(std::string_view key, const StoreFault& fault) {
    store_.set_fault("bucket", key, fault);
    ASSERT_TRUE(store_.put("bucket", "other", as_bytes("other")));
    ASSERT_TRUE(store_.put("bucket", key, as_bytes("abcde")));
    EXPECT_EQ(text("other"), "other") << "only the chosen object has faults";
  }

  VirtualClock clock_{1000};
  MemoryObjectStore memory_{clock_};
  FaultyStore store_{memory_};
};

TEST_F(FaultyStoreTest, LosesAnObjectThatItSaidItHadStored) {
  put("name", {.lose = true});
  EXPECT_EQ(store_.head("bucket", "name").value(), std::nullopt);
  EXPECT_EQ(store_.list("bucket", "").value().size(), 1u);
}

TEST_F(FaultyStoreTest, DelaysAnObject) {
  put("name", {.delay_ms = 500});
  EXPECT_EQ(store_.head("bucket", "name").value()->stored_at_ms, 1500);
  EXPECT_EQ(store_.list("bucket", "name").value().at(0).stored_at_ms, 1500);
  EXPECT_EQ(store_.head("bucket", "other").value()->stored_at_ms, 1000);
}

TEST_F(FaultyStoreTest, DamagesOneBitInTheMiddle) {
  put("name", {.corrupt = true});
  EXPECT_EQ(text("name"), "abbde");
  EXPECT_EQ(as_text(store_.get_range("bucket", "name", {1, 4}).value()), "bbd");
  EXPECT_EQ(as_text(store_.get_range("bucket", "name", {3, 5}).value()), "de");
  EXPECT_EQ(as_text(memory_.get("bucket", "name", 100).value()), "abcde");
}

TEST_F(FaultyStoreTest, IsAwayForSomePuts) {
  store_.set_fault("bucket", "name", {.failing_puts = 2});
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(fails(store_.put("bucket", "name", as_bytes("x")), ErrorKind::kRetry,
                      "bucket/name: the store is away"));
    EXPECT_EQ(memory_.head("bucket", "name").value(), std::nullopt);
  }
  EXPECT_TRUE(store_.put("bucket", "name", as_bytes("x")));
  EXPECT_EQ(text("name"), "x");
}

TEST_F(FaultyStoreTest, IsAwayForSomeReads) {
  put("name", {.failing_reads = 3});
  EXPECT_TRUE(fails(store_.head("bucket", "name"), ErrorKind::kRetry, "away"));
  EXPECT_TRUE(fails(store_.get("bucket", "name", 100), ErrorKind::kRetry, "away"));
  EXPECT_TRUE(fails(store_.get_range("bucket", "name", {0, 1}), ErrorKind::kRetry, "away"));
  EXPECT_EQ(text("name"), "abcde");
}

TEST_F(FaultyStoreTest, TearsSomeReads) {
  put("name", {.torn_reads = 2});
  EXPECT_EQ(text("name"), "ab");
  EXPECT_EQ(text("name"), "ab");
  EXPECT_EQ(text("name"), "abcde");
}

}  // namespace
}  // namespace templar::testing
