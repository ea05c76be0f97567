#include "node/catch_up/window_prefetcher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "support/captured_logs.h"
#include "support/far_store.h"
#include "support/hooked_store.h"
#include "support/test_leader.h"

namespace templar::testing {
namespace {

class Prefetching : public ::testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<WindowPrefetcher> prefetch(
      int64_t first_window, const PrefetchLimits& limits = {},
      std::optional<int64_t> until_window = std::nullopt) {
    return std::make_unique<WindowPrefetcher>(world_.environment, view(), first_window, until_window, limits);
  }
  [[nodiscard]] ChainView view() const { return look_at_ledger(world_.environment).value(); }
  static FetchedWindow take(WindowPrefetcher& prefetcher) {
    auto fetched = prefetcher.next();
    CHECK(fetched.has_value() && fetched->has_value());
    return **std::move(fetched);
  }

  const CapturedLogs logs_;
  TestWorld world_;
  TestLeader leader_{world_};
};

TEST_F(Prefetching, GivesTheWindowsInOrderAndThenNothing) {
  leader_.lead_windows(6);
  const auto prefetcher = prefetch(2);
  for (int64_t window = 2; window < 6; ++window) {
    const FetchedWindow fetched = take(*prefetcher);
    EXPECT_EQ(fetched.window, window);
    const auto* decided = std::get_if<DecidedWindow>(&fetched.outcome);
    ASSERT_TRUE(decided);
    EXPECT_EQ(decided->record().state_root, leader_.root_at(window));
    ASSERT_EQ(decided->accepted.size(), 3u);
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(decided->accepted[i].content_hash(), decided->record().accepted[i].content_hash);
    }
  }
  for (int i = 0; i < 2; ++i) EXPECT_EQ(prefetcher->next().value(), std::nullopt);
}

TEST_F(Prefetching, IsTheSameWithinTheTightestLimits) {
  leader_.lead_windows(5);
  for (const PrefetchLimits& limits :
       {PrefetchLimits{.windows = 1}, PrefetchLimits{.windows = 0}, PrefetchLimits{.size_bytes = 1}}) {
    const auto prefetcher = prefetch(0, limits);
    for (int64_t window = 0; window < 5; ++window) EXPECT_EQ(take(*prefetcher).window, window);
    EXPECT_EQ(prefetcher->next().value(), std::nullopt);
  }
}

TEST_F(Prefetching, ReadsOnItsCallersThreadWhatItMayNotReadAhead) {
  leader_.lead_windows(3);
  std::vector<std::thread::id> readers;
  const StoreHooks hooks{.before =
                             [&](std::string_view, std::string_view, uint64_t) {
                               readers.push_back(std::this_thread::get_id());
                               return Status();
                             },
                         .changed = {}};
  HookedStore store(world_.ports.store, hooks);
  const NodeEnvironment node = environment_of(world_.ports, {.store = &store});
  WindowPrefetcher prefetcher(node, look_at_ledger(node).value(), 0, std::nullopt, {.windows = 0});
  EXPECT_TRUE(readers.empty());
  EXPECT_EQ(take(prefetcher).window, 0);
  EXPECT_FALSE(readers.empty());
  for (const std::thread::id reader : readers) EXPECT_EQ(reader, std::this_thread::get_id());
}

TEST_F(Prefetching, StopsWhereItIsTold) {
  leader_.lead_windows(4);
  const auto prefetcher = prefetch(1, {}, 3);
  for (int64_t window = 1; window < 3; ++window) EXPECT_EQ(take(*prefetcher).window, window);
  EXPECT_EQ(prefetcher->next().value(), std::nullopt);
}

TEST_F(Prefetching, SeesWhatIsPublishedWhileItWorks) {
  leader_.lead_windows(2);
  const auto prefetcher = prefetch(0, {.windows = 1});
  EXPECT_EQ(take(*prefetcher).window, 0);  // window 1 is at most being fetched
  leader_.lead_windows(1);
  EXPECT_EQ(take(*prefetcher).window, 1);
  EXPECT_EQ(take(*prefetcher).window, 2);
}

// Nothing else would end it.
TEST_F(Prefetching, GivesUpAtItsEndWhatNobodyAnswers) {
  FarStore far(world_.ports.store);
  std::atomic<bool> is_reading = false;
  far.on_get = [&](const std::string&) {
    is_reading = true;
    return far.be_silent();
  };
  leader_.lead_windows(1);
  const NodeEnvironment node(world_.spec(), far, world_.ports.ledger, *world_.ports.shards,
                             world_.environment.metrics);
  const WindowPrefetcher prefetcher(node, view(), 0, std::nullopt, {});
  far.wait_until([&] { return is_reading.load(); });
}

TEST_F(Prefetching, NamesTheContributionsThatAreGone) {
  leader_.lead_windows(1);
  world_.ports.remove(kSecondMiner, contribution_key(0));
  const FetchedWindow fetched = take(*prefetch(0));
  const auto* missing = std::get_if<Missing>(&fetched.outcome);
  ASSERT_TRUE(missing);
  ASSERT_EQ(missing->wanted.accepted.size(), 1u) << "just what is missing";
  EXPECT_EQ(missing->wanted.accepted[0].uid, 2u);
}

TEST_F(Prefetching, EndsAtOnceWhereNothingIsTaken) {
  leader_.lead_windows(8);
  const auto prefetcher = prefetch(0, {.windows = 2});
}

}  // namespace
}  // namespace templar::testing
