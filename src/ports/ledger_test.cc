#include "ports/ledger.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "ports/ledger_clock.h"
#include "ports/notice_board.h"
#include "ports/signed_ledger.h"
#include "support/contracts/ledger_contract.h"

namespace templar::testing {
namespace {

// A board that can't be asked.
class AbsentBoard final : public NoticeBoard {
 public:
  [[nodiscard]] Result<std::optional<Notice>> read(std::string_view) const override {
    return retry_error("away");
  }
  [[nodiscard]] Result<std::vector<Notice>> list(std::string_view) const override {
    return retry_error("away");
  }
  [[nodiscard]] Result<std::optional<Notice>> last(std::string_view) const override {
    return retry_error("away");
  }
  [[nodiscard]] Result<int64_t> revision() const override { return retry_error("away"); }
  [[nodiscard]] bool wait_for_change(int64_t, std::chrono::milliseconds) const override { return true; }
  [[nodiscard]] Result<bool> write(std::string_view, ByteView, std::span<const NoticeCondition>) override {
    return retry_error("away");
  }
};

struct OwnedLedger {
  MemoryNoticeBoard board;
  SignedLedger ledger{board, test_run_id(), test_owner().public_key()};
  Timekeeper timekeeper{board, ledger, test_owner()};
};

}  // namespace

TEST(BucketOf, FollowsFromTheKey) {
  const PublicKey key = test_key(1).public_key();
  EXPECT_EQ(bucket_of(key), "node-" + key.hex().substr(0, 32));
}

TEST(LedgerClock, ShowsTheTimeOfTheLatestBlock) {
  OwnedLedger owned;
  const LedgerClock clock(owned.ledger);
  EXPECT_EQ(clock.now_ms(), 0);
  ASSERT_TRUE(owned.timekeeper.make_block(1000));
  EXPECT_EQ(clock.now_ms(), 1000);
  ASSERT_TRUE(owned.timekeeper.make_block(13000));
  EXPECT_EQ(clock.now_ms(), 13000);
  EXPECT_EQ(clock.now_ms(), 13000);
}

TEST(LedgerClock, StandsStillWhileTheLedgerIsAway) {
  const AbsentBoard board;
  const SignedLedger ledger(board, test_run_id(), test_owner().public_key());
  EXPECT_EQ(LedgerClock(ledger).now_ms(), 0);
}

TEST(LedgerClock, NeverGoesBackForAnyThread) {
  OwnedLedger owned;
  const LedgerClock clock(owned.ledger);
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
  for (int64_t number = 0; number < 500; ++number) EXPECT_TRUE(owned.timekeeper.make_block(number * 10));
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(steps_back, 0);
}

}  // namespace templar::testing
