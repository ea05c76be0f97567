#include "app/localnet/block_pacer.h"

#include <gtest/gtest.h>

#include "app/localnet/run_folder.h"
#include "support/expect_failure.h"

namespace templar {
namespace {

using testing::fails;

// Windows of three blocks of 10 s; the put window ends 15 s after the next window's first block, so two
// blocks later.
constexpr NetworkSpec kNetwork{
    .blocks_per_window = 3, .block_seconds = 10, .put_window_seconds = 15, .record_wait_seconds = 40};
constexpr int64_t kWindows = 3;

Result<bool> all_published(int64_t /*window*/) {
  return true;
}
Result<bool> none_published(int64_t /*window*/) {
  return false;
}

class BlockPacerTest : public ::testing::Test {
 protected:
  [[nodiscard]] int64_t latest() const { return ledger_.latest_block().value()->number; }
  void make_blocks(int64_t count) {
    for (int64_t i = 0; i < count; ++i) ASSERT_TRUE(ledger_.make_block(kGenesisMs + 10000 * i));
  }

  MemoryLedger ledger_{1};
  BlockPacer pacer_{ledger_, ledger_, kNetwork, kWindows};
};

TEST_F(BlockPacerTest, MakesTheFirstBlockAndWaitsForContributions) {
  ASSERT_TRUE(pacer_.make_due_blocks(none_published));
  ASSERT_TRUE(pacer_.make_due_blocks(none_published));
  EXPECT_EQ(latest(), 0);
  EXPECT_EQ(ledger_.latest_block().value()->time_ms, kGenesisMs);
}

TEST_F(BlockPacerTest, ClosesTheWindowOnceItIsPublished) {
  make_blocks(1);
  std::vector<int64_t> asked;
  ASSERT_TRUE(pacer_.make_due_blocks([&](int64_t window) -> Result<bool> {
    asked.push_back(window);
    return true;
  }));
  EXPECT_EQ(asked, std::vector<int64_t>{0});
  EXPECT_EQ(latest(), 5);  // 3 is the next window's first
  ASSERT_TRUE(pacer_.make_due_blocks(none_published));
  EXPECT_EQ(latest(), 5);
}

TEST_F(BlockPacerTest, ClosesAWindowThatAnEarlierCallLeftHalfClosed) {
  make_blocks(4);
  ASSERT_TRUE(pacer_.make_due_blocks(none_published));
  EXPECT_EQ(latest(), 5);
}

TEST_F(BlockPacerTest, HoldsUpAWindowThatIsNeverPublishedForSoLongAndNoLonger) {
  make_blocks(1);
  BlockPacer impatient(ledger_, ledger_, kNetwork, kWindows, 0);
  ASSERT_TRUE(impatient.make_due_blocks(none_published));
  EXPECT_EQ(latest(), 5);
}

TEST_F(BlockPacerTest, MakesNoBlockOnceTheLastWindowsRecordCanComeNoMore) {
  make_blocks(1);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(pacer_.make_due_blocks(all_published));
  // Window 2 ends with block 8, closes 15 s after block 9's time, and its record may be 40 s later: at 145 s.
  EXPECT_EQ(latest(), 15);
}

TEST_F(BlockPacerTest, FailsAsTheQuestionDoes) {
  make_blocks(1);
  EXPECT_TRUE(
      fails(pacer_.make_due_blocks([](int64_t) -> Result<bool> { return retry_error("the store is away"); }),
            ErrorKind::kRetry, "the store is away"));
  EXPECT_EQ(latest(), 0);
}

}  // namespace
}  // namespace templar
