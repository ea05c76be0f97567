// What every ledger of our own must do. An implementation's test gives a harness and instantiates the suite:
//
//   struct MemoryHarness {
//     static constexpr uint64_t kSeed = 7;  // what the ledger is made with
//     LedgerReader& reader();               // all three of one ledger, empty at first
//     LedgerWriter& writer();
//     BlockMaker& maker();
//   };
//   INSTANTIATE_TYPED_TEST_SUITE_P(Memory, LedgerContract, MemoryHarness);
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "ports/ledger.h"
#include "support/expect_failure.h"

namespace templar::testing {

[[nodiscard]] inline Registration node_with(uint8_t key, NodeRole role = NodeRole::kMiner, double stake = 0) {
  Registration node{.role = role, .bucket = "bucket-" + std::to_string(key), .stake = stake};
  node.key.bytes.fill(key);
  return node;
}

template <typename Harness>
class LedgerContract : public ::testing::Test {
 protected:
  LedgerReader& reader() { return harness_.reader(); }
  LedgerWriter& writer() { return harness_.writer(); }
  BlockMaker& maker() { return harness_.maker(); }
  [[nodiscard]] uint32_t add(uint8_t key, NodeRole role = NodeRole::kMiner) {
    return writer().register_node(node_with(key, role)).value();
  }

  Harness harness_;
};

TYPED_TEST_SUITE_P(LedgerContract);

TYPED_TEST_P(LedgerContract, IsEmptyAtFirst) {
  EXPECT_EQ(this->reader().latest_block().value(), std::nullopt);
  EXPECT_EQ(this->reader().block(0).value(), std::nullopt);
  EXPECT_TRUE(this->reader().registrations().value().empty());
  EXPECT_TRUE(this->reader().weights(0).value().empty());
}

TYPED_TEST_P(LedgerContract, MakesBlocksInARow) {
  const TimestampMs times[] = {-5, -5, 0, 1784800000123};
  for (int64_t number = 0; number < 4; ++number) {
    const Block made = this->maker().make_block(times[number]).value();
    EXPECT_EQ(made, (Block{number, times[number], local_block_hash(TypeParam::kSeed, number)}));
    EXPECT_EQ(this->reader().latest_block().value(), made);
  }
  for (int64_t number = 0; number < 4; ++number) {
    EXPECT_EQ(this->reader().block(number).value(),
              (Block{number, times[number], local_block_hash(TypeParam::kSeed, number)}));
  }
  EXPECT_EQ(this->reader().block(4).value(), std::nullopt);
  EXPECT_EQ(this->reader().block(-1).value(), std::nullopt);
}

TYPED_TEST_P(LedgerContract, RefusesABlockFromThePast) {
  ASSERT_TRUE(this->maker().make_block(1000));
  EXPECT_TRUE(fails(this->maker().make_block(999), ErrorKind::kFatal,
                    "block 1 at 999 ms would be before block 0 at 1000 ms"));
  EXPECT_EQ(this->reader().latest_block().value()->number, 0);
  EXPECT_TRUE(this->maker().make_block(1000));
}

TYPED_TEST_P(LedgerContract, GivesTheLowestFreeUids) {
  EXPECT_EQ(this->add(10), 0u);
  EXPECT_EQ(this->add(5), 1u);
  EXPECT_EQ(this->add(7), 2u);
  const auto nodes = this->reader().registrations().value();
  ASSERT_EQ(nodes.size(), 3u);
  for (uint32_t uid = 0; uid < 3; ++uid) EXPECT_EQ(nodes[uid].uid, uid);
}

TYPED_TEST_P(LedgerContract, KeepsWhatWasRegistered) {
  Registration wanted = node_with(200, NodeRole::kValidator, 1234.5678901234567);
  wanted.store = "s3://bucket/prefix?endpoint=https://s3.example:8443&region=here&access=public";
  wanted.uid = 99;  // not the caller's to choose
  ASSERT_EQ(this->writer().register_node(wanted).value(), 0u);
  wanted.uid = 0;
  EXPECT_THAT(this->reader().registrations().value(), ::testing::ElementsAre(wanted));
}

TYPED_TEST_P(LedgerContract, UpdatesTheNodeOfAKnownKey) {
  ASSERT_EQ(this->add(1), 0u);
  ASSERT_EQ(this->add(2), 1u);
  Registration again = node_with(1, NodeRole::kEvaluator, 3);
  again.bucket = "another-bucket";
  again.store = "s3://another?endpoint=https://s3.example";
  EXPECT_EQ(this->writer().register_node(again).value(), 0u);
  const auto nodes = this->reader().registrations().value();
  ASSERT_EQ(nodes.size(), 2u);
  EXPECT_EQ(nodes[0], again);
  EXPECT_EQ(nodes[1].uid, 1u);
  EXPECT_EQ(this->add(3), 2u);
}

TYPED_TEST_P(LedgerContract, RefusesABucketOfAnother) {
  ASSERT_EQ(this->add(1), 0u);
  Registration thief = node_with(2);
  thief.bucket = "bucket-1";
  EXPECT_TRUE(
      fails(this->writer().register_node(thief), ErrorKind::kFatal, "bucket bucket-1 belongs to uid 0"));
  ASSERT_EQ(this->add(3), 1u);
  Registration mover = node_with(3);
  mover.bucket = "bucket-1";
  EXPECT_TRUE(
      fails(this->writer().register_node(mover), ErrorKind::kFatal, "bucket bucket-1 belongs to uid 0"));
  EXPECT_EQ(this->reader().registrations().value().at(1).bucket, "bucket-3");
}

TYPED_TEST_P(LedgerContract, RefusesARegistrationThatMakesNoSense) {
  Registration nameless = node_with(1);
  nameless.bucket = "../x";
  EXPECT_TRUE(fails(this->writer().register_node(nameless), ErrorKind::kFatal, "bucket name"));
  for (const double stake :
       {-1.0, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_TRUE(fails(this->writer().register_node(node_with(1, NodeRole::kValidator, stake)),
                      ErrorKind::kFatal, "stake"));
  }
  for (const char* store : {"file:/tmp", "s3://", "https://s3.example", "x"}) {
    Registration misplaced = node_with(1);
    misplaced.store = store;
    EXPECT_TRUE(fails(this->writer().register_node(misplaced), ErrorKind::kFatal, "store")) << store;
  }
  EXPECT_TRUE(this->reader().registrations().value().empty());
}

TYPED_TEST_P(LedgerContract, ReplacesAllWeightsOfAValidator) {
  const uint32_t one = this->add(1, NodeRole::kValidator);
  const uint32_t two = this->add(2, NodeRole::kValidator);
  ASSERT_TRUE(this->writer().set_weights(one, {{7, 0.25}, {3, 0.1}, {1000000, 0}}));
  ASSERT_TRUE(this->writer().set_weights(two, {{3, 1}}));
  using Weights = std::vector<WeightEntry>;
  EXPECT_EQ(this->reader().weights(one).value(), (Weights{{3, 0.1}, {7, 0.25}, {1000000, 0}}));
  ASSERT_TRUE(this->writer().set_weights(one, {{4, 0.5}}));
  EXPECT_EQ(this->reader().weights(one).value(), (Weights{{4, 0.5}}));
  EXPECT_EQ(this->reader().weights(two).value(), (Weights{{3, 1}}));
  ASSERT_TRUE(this->writer().set_weights(one, {}));
  EXPECT_EQ(this->reader().weights(one).value(), Weights());
}

TYPED_TEST_P(LedgerContract, RefusesWeightsThatMakeNoSense) {
  const uint32_t validator = this->add(1, NodeRole::kValidator);
  const uint32_t miner = this->add(2, NodeRole::kMiner);
  ASSERT_TRUE(this->writer().set_weights(validator, {{1, 0.5}}));
  const auto set = [&](uint32_t uid, const std::vector<WeightEntry>& weights) {
    return this->writer().set_weights(uid, weights);
  };
  EXPECT_TRUE(fails(set(miner, {}), ErrorKind::kFatal, "uid 1 is no validator"));
  EXPECT_TRUE(fails(set(9, {}), ErrorKind::kFatal, "uid 9 is no validator"));
  EXPECT_TRUE(fails(set(validator, {{1, 0.1}, {2, -0.1}}), ErrorKind::kFatal, "weight -0.1 of uid 2"));
  EXPECT_TRUE(fails(set(validator, {{1, 0.1}, {1, 0.2}}), ErrorKind::kFatal, "uid 1 has two weights"));
  for (const double weight :
       {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_TRUE(fails(set(validator, {{3, weight}}), ErrorKind::kFatal, "of uid 3: not a finite number"));
  }
  EXPECT_THAT(this->reader().weights(validator).value(), ::testing::ElementsAre(WeightEntry{1, 0.5}));
}

TYPED_TEST_P(LedgerContract, MayBeUsedByManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 20;
  const uint32_t validator = this->add(255, NodeRole::kValidator);
  std::atomic<int> failures = 0;
  std::atomic<bool> done = false;
  std::thread reading([&] {
    int64_t last = -1;
    while (!done) {
      const auto block = this->reader().latest_block();
      if (!block || (*block && (*block)->number < last)) ++failures;
      if (block && *block) last = (*block)->number;
      // Either all weights of one setting or all of another.
      const auto weights = this->reader().weights(validator);
      if (!weights ||
          (!weights->empty() && (weights->size() != 10 || weights->front().weight != weights->back().weight)))
        ++failures;
    }
  });
  std::vector<std::thread> writing;
  for (int thread = 0; thread < kThreads; ++thread) {
    writing.emplace_back([&, thread] {
      for (int round = 0; round < kRounds; ++round) {
        if (!this->maker().make_block(5)) ++failures;
        if (!this->writer().register_node(node_with(static_cast<uint8_t>(thread * kRounds + round))))
          ++failures;
        std::vector<WeightEntry> weights;
        for (uint32_t uid = 0; uid < 10; ++uid) weights.push_back({uid, static_cast<double>(round)});
        if (!this->writer().set_weights(validator, weights)) ++failures;
      }
    });
  }
  for (std::thread& thread : writing) thread.join();
  done = true;
  reading.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(this->reader().latest_block().value()->number, kThreads * kRounds - 1);
  const auto nodes = this->reader().registrations().value();
  ASSERT_EQ(nodes.size(), static_cast<size_t>(kThreads * kRounds + 1));
  for (uint32_t uid = 0; uid < nodes.size(); ++uid) EXPECT_EQ(nodes[uid].uid, uid);
}

REGISTER_TYPED_TEST_SUITE_P(LedgerContract, IsEmptyAtFirst, MakesBlocksInARow, RefusesABlockFromThePast,
                            GivesTheLowestFreeUids, KeepsWhatWasRegistered, UpdatesTheNodeOfAKnownKey,
                            RefusesABucketOfAnother, RefusesARegistrationThatMakesNoSense,
                            ReplacesAllWeightsOfAValidator, RefusesWeightsThatMakeNoSense,
                            MayBeUsedByManyThreads);

}  // namespace templar::testing
