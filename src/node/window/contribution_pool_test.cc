#include "node/window/contribution_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <sstream>

#include "node/window/gather.h"
#include "support/expect_failure.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

constexpr int64_t kPooledWindow = 1;

// A window of two miners' contributions, and nodes that share a pool, each with a store of its own in front
// of the one that all share.
class Pool : public ::testing::Test {
 protected:
  Pool() {
    world_.ports.enter_window(kPooledWindow);
    world_.ports.publish_contributions({kMiner, kSecondMiner}, kPooledWindow);
  }
  // Counts what is read of it, and is away for as many calls as it is told.
  class Reader final : public ObjectReader {
   public:
    explicit Reader(const ObjectReader& store) : store_(store) {}
    Result<std::optional<ObjectInfo>> head(std::string_view bucket, std::string_view key) const override {
      if (failing_heads > 0 && failing_heads--) return retry_error("away");
      return store_.head(bucket, key);
    }
    Result<Bytes> get(std::string_view bucket, std::string_view key, uint64_t max_bytes) const override {
      ++gets;
      if (failing_gets > 0 && failing_gets--) return retry_error("away");
      return store_.get(bucket, key, max_bytes);
    }
    Result<Bytes> get_range(std::string_view bucket, std::string_view key, ByteRange range) const override {
      return store_.get_range(bucket, key, range);
    }
    Result<std::vector<ObjectInfo>> list(std::string_view bucket, std::string_view prefix) const override {
      return store_.list(bucket, prefix);
    }
    // The counters below are no thread's but the caller's.
    [[nodiscard]] int useful_calls_at_once() const override { return 1; }
    mutable int gets = 0;
    mutable int failing_heads = 0;
    mutable int failing_gets = 0;

   private:
    const ObjectReader& store_;
  };

  [[nodiscard]] NodeEnvironment node(const ObjectReader& store) {
    return {world_.spec(), store, world_.ports.ledger, *world_.ports.shards, world_.ports.metrics, {}, pool_};
  }
  [[nodiscard]] Gathered gathered_by(const NodeEnvironment& environment) {
    auto gathered = gather(environment, world_.request(kPooledWindow, {{kMiner, kSecondMiner}, {}}));
    EXPECT_TRUE(gathered.has_value());
    return *std::move(gathered);
  }
  TestWorld world_;
  const std::shared_ptr<ContributionPool> pool_ =
      std::make_shared<ContributionPool>(ContributionPoolOptions{.kept_windows = 2});
};

TEST_F(Pool, ReadsAnObjectOnceForAllNodes) {
  world_.ports.close_window(kPooledWindow);
  const Reader first(world_.ports.store);
  const Reader second(world_.ports.store);
  const Gathered own = gathered_by(node(first));
  const Gathered others = gathered_by(node(second));
  EXPECT_EQ(first.gets, 2);
  EXPECT_EQ(second.gets, 0);
  ASSERT_EQ(others.accepted.size(), 2u);
  EXPECT_EQ(others.accepted[0].content_hash(), own.accepted[0].content_hash());
  EXPECT_EQ(others.accepted[0].bytes().data(), own.accepted[0].bytes().data());
}

TEST_F(Pool, SharesNothingUnlessItIsAsked) {
  world_.ports.close_window(kPooledWindow);
  const Reader first(world_.ports.store);
  const NodeEnvironment alone(world_.spec(), first, world_.ports.ledger, *world_.ports.shards,
                              world_.ports.metrics);
  EXPECT_EQ(gathered_by(alone).accepted.size(), 2u);
  EXPECT_EQ(gathered_by(alone).accepted.size(), 2u);
  EXPECT_EQ(first.gets, 4);
  EXPECT_EQ(alone.contributions->kept_bytes(), 0u);
}

// Of the same size, in the same moment of the store's clock.
TEST_F(Pool, ReadsAnewWhatWasReplacedBetweenTwoReaders) {
  const std::string key = contribution_key(kPooledWindow);
  const Bytes right = world_.ports.object(kMiner, key);
  Bytes wrong = right;
  wrong[wrong.size() / 2] ^= 1;
  world_.ports.put(kMiner, key, wrong);
  world_.ports.put(kMiner, key, right);
  const AggregateRecord record = world_.ports.record_of_first_window({});
  AggregateRecord named = record;
  named.window = kPooledWindow;
  named.accepted = {{kMiner, *world_.ports.contribution_hash(kMiner, kPooledWindow), std::ssize(right)}};
  const NodeEnvironment reader = node(world_.ports.store);
  const auto found = [&] { return fetch_named(reader, named, world_.ports.roster(), {}, {})->found.size(); };
  EXPECT_EQ(found(), 1u);
  world_.ports.put(kMiner, key, wrong);
  EXPECT_EQ(found(), 0u) << "the store has something else now";
  world_.ports.put(kMiner, key, right);
  EXPECT_EQ(found(), 1u);
  world_.ports.remove(kMiner, key);
  EXPECT_EQ(found(), 0u);
}

TEST_F(Pool, StandsNotBetweenANodeAndItsStore) {
  world_.ports.close_window(kPooledWindow);
  EXPECT_EQ(gathered_by(node(world_.ports.store)).accepted.size(), 2u);
  const Reader away(world_.ports.store);
  away.failing_heads = 3;  // more than it is asked for one peer
  const Gathered gathered = gathered_by(node(away));
  EXPECT_EQ(gathered.unanswered, std::vector<uint32_t>{kMiner});
  EXPECT_EQ(gathered.accepted.size(), 1u);
}

TEST_F(Pool, KeepsNoFailureToRead) {
  world_.ports.close_window(kPooledWindow);
  const Reader away(world_.ports.store);
  away.failing_gets = 3;
  EXPECT_EQ(gathered_by(node(away)).accepted.size(), 1u);
  EXPECT_EQ(gathered_by(node(away)).accepted.size(), 2u);
}

TEST_F(Pool, JudgesWhatIsBrokenOnce) {
  Bytes broken = world_.ports.object(kMiner, contribution_key(kPooledWindow));
  broken.resize(broken.size() - 1);
  world_.ports.put(kMiner, contribution_key(kPooledWindow), broken);
  world_.ports.close_window(kPooledWindow);
  const Reader first(world_.ports.store);
  const Reader second(world_.ports.store);
  const Gathered own = gathered_by(node(first));
  const Gathered others = gathered_by(node(second));
  EXPECT_EQ(second.gets, 0);
  ASSERT_EQ(others.rejected.size(), 1u);
  EXPECT_EQ(others.rejected[0].verdict.code, VerdictCode::kInvalid);
  EXPECT_EQ(others.rejected[0].verdict.reason, own.rejected[0].verdict.reason);
}

// Who holds the bytes of a pool, and objects of any name to be parsed by it.
class PoolBounds : public ::testing::Test {
 protected:
  [[nodiscard]] Result<ParsedObject> ask(ContributionPool& pool, int64_t window, std::string version,
                                         uint64_t size = 100) {
    const ObjectInfo object{
        .key = "key", .size_bytes = size, .stored_at_ms = 0, .version = std::move(version)};
    return pool.parsed(
        window, "bucket", object,
        [&]() -> Result<SharedBytes> {
          ++reads_;
          return SharedBytes(Bytes(size));
        },
        [](const SharedBytes&) -> Result<Contribution> { return skip_error("nothing but zeros"); });
  }
  int reads_ = 0;
};

SharedBytes held_by(ContributionPool& pool, const Bytes& bytes) {
  return pool.hold([&](const PieceSink& sink) { return sink(bytes); }).value();
}

// By what the system says of the map that the bytes are in: a scratch file has no name any more.
bool lies_in_file(const SharedBytes& bytes) {
  const auto address = reinterpret_cast<uintptr_t>(bytes.view().data());
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    uintptr_t begin = 0;
    uintptr_t end = 0;
    char dash = 0;
    std::istringstream(line) >> std::hex >> begin >> dash >> end;
    if (address >= begin && address < end) return line.ends_with("(deleted)");
  }
  ADD_FAILURE() << "no map has these bytes";
  return false;
}

TEST_F(PoolBounds, SmallContributionsStayInMemoryUpToTheLimit) {
  ContributionPool pool({.small_bytes = 100, .memory_bytes = 250});
  {
    const SharedBytes first = held_by(pool, Bytes(100, 1));
    const SharedBytes second = held_by(pool, Bytes(100, 2));
    const SharedBytes third = held_by(pool, Bytes(100, 3));
    const SharedBytes large = held_by(pool, Bytes(101, 4));
    EXPECT_FALSE(lies_in_file(first));
    EXPECT_FALSE(lies_in_file(second));
    EXPECT_TRUE(lies_in_file(third)) << "there is no room for it";
    EXPECT_TRUE(lies_in_file(large));
    EXPECT_EQ(third.view()[99], 3);
    EXPECT_EQ(large.view()[100], 4);
  }
  EXPECT_FALSE(lies_in_file(held_by(pool, Bytes(100, 5)))) << "there is room again";
}

TEST_F(PoolBounds, WhatComesInPiecesGoesStraightIntoItsFile) {
  ContributionPool pool({.small_bytes = 100, .memory_bytes = 250});
  Bytes whole;
  const SharedBytes held = pool.hold([&](const PieceSink& sink) -> Status {
                                 for (int i = 0; i < 7; ++i) {
                                   const Bytes piece(static_cast<size_t>(30 * i), static_cast<uint8_t>(i));
                                   whole.insert(whole.end(), piece.begin(), piece.end());
                                   TRY(sink(piece));
                                 }
                                 return {};
                               })
                               .value();
  EXPECT_TRUE(lies_in_file(held));
  EXPECT_TRUE(std::ranges::equal(held.view(), whole));
  EXPECT_FALSE(lies_in_file(held_by(pool, Bytes(100, 1)))) << "it counts for nothing in memory";
  EXPECT_TRUE(fails(pool.hold([](const PieceSink& sink) -> Status {
    TRY(sink(Bytes(200)));
    return retry_error("broke off");
  }),
                    ErrorKind::kRetry, "broke off"));
}

TEST_F(PoolBounds, BytesOutliveThePool) {
  SharedBytes held;
  {
    ContributionPool pool({.small_bytes = 100, .memory_bytes = 250});
    held = held_by(pool, Bytes(10, 7));
  }
  EXPECT_EQ(held.view()[9], 7);
}

TEST_F(PoolBounds, KeepsTheWindowsThatWereAskedForLast) {
  ContributionPool pool({.kept_windows = 2});
  for (const int64_t window : {1, 2, 1, 3}) EXPECT_TRUE(ask(pool, window, "v"));
  EXPECT_EQ(reads_, 3);
  EXPECT_TRUE(ask(pool, 1, "v"));
  EXPECT_EQ(reads_, 3);
  EXPECT_TRUE(ask(pool, 2, "v"));
  EXPECT_EQ(reads_, 4) << "window 2 was the one that nobody had asked for longest";
}

TEST_F(PoolBounds, KeepsNoMoreThanItsBytes) {
  ContributionPool pool({.kept_windows = 10, .kept_bytes = 5000});
  EXPECT_TRUE(ask(pool, 1, "v", 2000));
  const size_t one = pool.kept_bytes();
  EXPECT_GE(one, 2000u);
  EXPECT_TRUE(ask(pool, 2, "v", 2000));
  EXPECT_EQ(pool.kept_bytes(), one) << "two have no room: the older window went";
  EXPECT_TRUE(ask(pool, 3, "v", 6000));
  EXPECT_EQ(pool.kept_bytes(), 0u);
  EXPECT_TRUE(ask(pool, 3, "v", 6000));
  EXPECT_EQ(reads_, 4) << "what is larger than the limit is read each time";
}

TEST_F(PoolBounds, ReadsEachTimeWhatHasNoVersion) {
  ContributionPool pool({.kept_windows = 10});
  EXPECT_TRUE(ask(pool, 1, ""));
  EXPECT_TRUE(ask(pool, 1, ""));
  EXPECT_EQ(reads_, 2);
  EXPECT_TRUE(ask(pool, 1, "first"));
  EXPECT_TRUE(ask(pool, 1, "second"));
  EXPECT_TRUE(ask(pool, 1, "second"));
  EXPECT_EQ(reads_, 4);
}

TEST_F(PoolBounds, ProvesPossessionOnceForAModelAndAMiner) {
  ContributionPool pool({.kept_windows = 2});
  int proofs = 0;
  const auto prove = [&](const Hash256& root, uint32_t uid, int64_t window) {
    return pool.possession_proof(root, Hash256{}, uid, window, [&] {
      Hash256 proof{};
      proof.bytes[0] = static_cast<uint8_t>(++proofs);
      return proof;
    });
  };
  Hash256 other{};
  other.bytes[0] = 1;
  const Hash256 first = prove(Hash256{}, 1, 5);
  EXPECT_EQ(prove(Hash256{}, 1, 5), first);
  EXPECT_NE(prove(Hash256{}, 2, 5), first);
  EXPECT_NE(prove(other, 1, 5), first);
  EXPECT_NE(prove(Hash256{}, 1, 6), first);
  EXPECT_EQ(proofs, 4);
}

}  // namespace
}  // namespace templar::testing
