#include "ports/ledger.h"

#include "ports/ledger_clock.h"
#include "support/contracts/ledger_contract.h"

namespace templar::testing {
namespace {

struct MemoryLedgerHarness {
  static constexpr uint64_t kSeed = 7;
  LedgerReader& reader() { return ledger; }
  LedgerWriter& writer() { return ledger; }
  BlockMaker& maker() { return ledger; }

  MemoryLedger ledger{kSeed};
};

// A ledger that can be away.
class AbsentLedger final : public LedgerReader {
 public:
  [[nodiscard]] Result<std::optional<Block>> latest_block() const override { return retry_error("away"); }
  [[nodiscard]] Result<std::optional<Block>> block(int64_t) const override { return retry_error("away"); }
  [[nodiscard]] Result<std::vector<Registration>> registrations() const override {
    return retry_error("away");
  }
  [[nodiscard]] Result<std::vector<WeightEntry>> weights(uint32_t) const override {
    return retry_error("away");
  }
};

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Memory, LedgerContract, MemoryLedgerHarness);

TEST(LocalBlockHash, FollowsFromSeedAndNumber) {
  EXPECT_EQ(local_block_hash(1, 5), local_block_hash(1, 5));
  std::set<Hash256> hashes;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    for (int64_t number = 0; number < 10; ++number) hashes.insert(local_block_hash(seed, number));
  }
  EXPECT_EQ(hashes.size(), 100u);
}

TEST(LedgerClock, ShowsTheTimeOfTheLatestBlock) {
  MemoryLedger ledger(1);
  const LedgerClock clock(ledger);
  EXPECT_EQ(clock.now_ms(), 0);
  ASSERT_TRUE(ledger.make_block(1000));
  EXPECT_EQ(clock.now_ms(), 1000);
  ASSERT_TRUE(ledger.make_block(13000));
  EXPECT_EQ(clock.now_ms(), 13000);
  EXPECT_EQ(clock.now_ms(), 13000);
}

TEST(LedgerClock, StandsStillWhileTheLedgerIsAway) {
  const AbsentLedger ledger;
  EXPECT_EQ(LedgerClock(ledger).now_ms(), 0);
}

TEST(LedgerClock, NeverGoesBackForAnyThread) {
  MemoryLedger ledger(1);
  const LedgerClock clock(ledger);
  std::atomic<bool> done = false;
  std::atomic<int> steps_back = 0;
  std::vector<std::thread> readers;
  for (int thread = 0; thread < 3; ++thread) {
    readers.emplace_back([&] {
      TimestampMs last = 0;
      while (!done) {
        const TimestampMs now = clock.now_ms();
        if (now < last) ++steps_back;
        last = now;
      }
    });
  }
  for (int64_t number = 0; number < 2000; ++number) EXPECT_TRUE(ledger.make_block(number * 10));
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(steps_back, 0);
}

}  // namespace templar::testing
