#include "ports/object_store.h"

#include "support/contracts/object_store_contract.h"

namespace templar::testing {
namespace {

struct MemoryStoreHarness {
  ObjectStore& store() { return memory; }
  bool advance_ms(int64_t by_ms) {
    clock.advance(by_ms);
    return true;
  }

  VirtualClock clock{1000};
  MemoryObjectStore memory{clock};
};

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Memory, ObjectStoreContract, MemoryStoreHarness);

TEST(MemoryObjectStore, HoldsAKeyBesideKeysUnderIt) {
  VirtualClock clock;
  MemoryObjectStore store(clock);
  ASSERT_TRUE(store.put("bucket", "a", as_bytes("1")));
  ASSERT_TRUE(store.put("bucket", "a/b", as_bytes("2")));
  EXPECT_EQ(store.list("bucket", "a").value().size(), 2u);
}

TEST(ObjectNames, SayWhichByteIsWrong) {
  EXPECT_EQ(check_object_key("a/b c").error().message,
            "object key 'a/b?c': byte 0x20 at 3 is not one of A-Z a-z 0-9 . _ - /");
  EXPECT_EQ(check_object_key("a/../b").error().message,
            "object key 'a/../b': the part at byte 2 is empty or made of dots alone");
}

}  // namespace templar::testing
