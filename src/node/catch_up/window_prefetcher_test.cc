#include "node/catch_up/window_prefetcher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "support/captured_logs.h"
#include "support/far_store.h"
#include "support/test_leader.h"

namespace templar::testing {
namespace {

class Prefetching : public ::testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<WindowPrefetcher> prefetch(
      int64_t first_window, const PrefetchLimits& limits = {},
      std::optional<int64_t> until_window = std::nullopt) {
    return std::make_unique<WindowPrefetcher>(world_.environment, world_.ports.registration(kLeader),
                                              first_window, until_window, limits);
  }
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
    ASSERT_TRUE(fetched.record);
    EXPECT_EQ(fetched.record->state_root, leader_.root_at(window));
    ASSERT_EQ(fetched.contributions.found.size(), 3u);
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(fetched.contributions.found[i].content_hash(), fetched.record->accepted[i].content_hash);
    }
  }
  for (int i = 0; i < 2; ++i) EXPECT_EQ(prefetcher->next().value(), std::nullopt);
}

TEST_F(Prefetching, IsTheSameWithinTheTightestLimits) {
  leader_.lead_windows(5);
  for (const PrefetchLimits& limits : {PrefetchLimits{.windows = 1}, PrefetchLimits{.size_bytes = 1}}) {
    const auto prefetcher = prefetch(0, limits);
    for (int64_t window = 0; window < 5; ++window) EXPECT_EQ(take(*prefetcher).window, window);
    EXPECT_EQ(prefetcher->next().value(), std::nullopt);
  }
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
  EXPECT_EQ(take(*prefetcher).window,
            0);  // window 1 is at most being fetched: nobody has looked for later ones
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
  const WindowPrefetcher prefetcher(node, world_.ports.registration(kLeader), 0, std::nullopt, {});
  far.wait_until([&] { return is_reading.load(); });
}

TEST_F(Prefetching, SaysWhyAWindowHasNoRecord) {
  leader_.lead_windows(4);
  world_.ports.remove(kLeader, aggregate_record_key(1));
  world_.ports.put(kLeader, aggregate_record_key(2), as_bytes("rubbish"));
  const auto prefetcher = prefetch(1);
  const FetchedWindow missing = take(*prefetcher);
  EXPECT_FALSE(missing.record);
  EXPECT_EQ(missing.problem, "the record is missing");
  const FetchedWindow unusable = take(*prefetcher);
  EXPECT_FALSE(unusable.record);
  EXPECT_TRUE(unusable.problem.starts_with("window 2: the record of leader uid 0: ")) << unusable.problem;
  EXPECT_TRUE(take(*prefetcher).record);
}

TEST_F(Prefetching, NamesTheContributionsThatAreGone) {
  leader_.lead_windows(1);
  world_.ports.remove(kSecondMiner, contribution_key(0));
  const FetchedWindow fetched = take(*prefetch(0));
  EXPECT_EQ(fetched.contributions.found.size(), 2u);
  ASSERT_EQ(fetched.contributions.missing.size(), 1u);
  EXPECT_EQ(fetched.contributions.missing[0].wanted.uid, 2u);
}

TEST_F(Prefetching, EndsAtOnceWhereNothingIsTaken) {
  leader_.lead_windows(8);
  const auto prefetcher = prefetch(0, {.windows = 2});
}

}  // namespace
}  // namespace templar::testing
