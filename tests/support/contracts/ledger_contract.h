// What a signed ledger must do on every kind of board. An implementation's test gives a harness and
// instantiates the suite:
//
//   struct MemoryBoardHarness {
//     NoticeBoard& board();  // empty at first
//   };
//   INSTANTIATE_TYPED_TEST_SUITE_P(Memory, LedgerContract, MemoryBoardHarness);
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "ports/signed_ledger.h"
#include "support/expect_failure.h"
#include "support/ledger_values.h"
#include "support/test_key.h"

namespace templar::testing {

template <typename Harness>
class LedgerContract : public ::testing::Test {
 protected:
  [[nodiscard]] LedgerWriter writer(uint32_t number) { return {harness_.board(), ledger_, test_key(number)}; }
  [[nodiscard]] OwnerWriter owner() { return {harness_.board(), ledger_, test_owner()}; }
  [[nodiscard]] uint32_t add(uint32_t number, NodeRole role = NodeRole::kMiner) {
    return writer(number).register_node(wanted_node(number, role)).value();
  }
  [[nodiscard]] uint32_t add_validator(uint32_t number, double stake, bool is_founder = false) {
    const uint32_t uid = add(number, NodeRole::kValidator);
    EXPECT_TRUE(
        owner().set_standing(test_key(number).public_key(), {.stake = stake, .is_founder = is_founder}));
    return uid;
  }
  [[nodiscard]] std::vector<Registration> nodes() { return ledger_.registrations().value(); }
  // One that has seen nothing yet.
  [[nodiscard]] SignedLedger another_reader() {
    return SignedLedger(harness_.board(), test_run_id(), test_owner().public_key());
  }
  [[nodiscard]] static Term term_from(int64_t number, int64_t window, int64_t previous) {
    return {.number = number,
            .previous = previous,
            .first_window = window,
            .outer_step = window,
            .state_root = blake2b_256(as_bytes("root"))};
  }
  [[nodiscard]] static Decision decision_of(int64_t window, int64_t term, uint8_t leader = 1,
                                            const char* root = "root") {
    return {.term = term,
            .record = {.run_id = test_run_id(),
                       .window = window,
                       .outer_step = window,
                       .state_root = blake2b_256(as_bytes(root)),
                       .leader = test_key(leader).public_key()}};
  }

  Harness harness_;
  SignedLedger ledger_{harness_.board(), test_run_id(), test_owner().public_key()};
  Timekeeper timekeeper_{harness_.board(), ledger_, test_owner()};
};

TYPED_TEST_SUITE_P(LedgerContract);

TYPED_TEST_P(LedgerContract, IsEmptyAtFirst) {
  EXPECT_EQ(this->ledger_.latest_block().value(), std::nullopt);
  EXPECT_EQ(this->ledger_.block(0).value(), std::nullopt);
  EXPECT_TRUE(this->nodes().empty());
  EXPECT_TRUE(this->ledger_.weights(0).value().empty());
  EXPECT_TRUE(this->ledger_.heartbeats().value().empty());
  EXPECT_TRUE(this->ledger_.terms().value().empty());
  EXPECT_EQ(this->ledger_.decision(0, 0).value(), std::nullopt);
}

TYPED_TEST_P(LedgerContract, MakesBlocksInARow) {
  const TimestampMs times[] = {-5, -5, 0, 1784800000123};
  std::vector<Block> made;
  for (int64_t number = 0; number < 4; ++number) {
    made.push_back(this->timekeeper_.make_block(times[number]).value());
    EXPECT_EQ(made.back().number, number);
    EXPECT_EQ(made.back().time_ms, times[number]);
    EXPECT_EQ(this->ledger_.latest_block().value(), made.back());
  }
  const SignedLedger other = this->another_reader();
  std::set<Hash256> hashes;
  for (int64_t number = 0; number < 4; ++number) {
    EXPECT_EQ(other.block(number).value(), made[number]);
    hashes.insert(made[number].hash);
  }
  EXPECT_EQ(hashes.size(), 4u);
  EXPECT_EQ(this->ledger_.block(4).value(), std::nullopt);
  EXPECT_EQ(this->ledger_.block(-1).value(), std::nullopt);
}

TYPED_TEST_P(LedgerContract, RefusesABlockFromThePast) {
  ASSERT_TRUE(this->timekeeper_.make_block(1000));
  EXPECT_TRUE(fails(this->timekeeper_.make_block(999), ErrorKind::kFatal,
                    "block 1 at 999 ms would be before block 0 at 1000 ms"));
  EXPECT_EQ(this->ledger_.latest_block().value()->number, 0);
  EXPECT_TRUE(this->timekeeper_.make_block(1000));
}

TYPED_TEST_P(LedgerContract, LetsOneTimekeeperMakeBlocksAtATime) {
  const uint32_t validator = this->add_validator(1, 1);
  EXPECT_EQ(validator, 0u);
  Timekeeper second(this->harness_.board(), this->ledger_, test_key(1));
  ASSERT_TRUE(this->timekeeper_.make_block(10));
  EXPECT_TRUE(fails(second.make_block(20), ErrorKind::kSkip, "somebody else makes the blocks"));
  EXPECT_FALSE(second.keeps_time().value());
  ASSERT_TRUE(second.take_over().value());
  ASSERT_EQ(second.make_block(20).value().number, 1);
  EXPECT_TRUE(fails(this->timekeeper_.make_block(30), ErrorKind::kSkip, "somebody else makes the blocks"));
  const SignedLedger other = this->another_reader();
  EXPECT_EQ(other.latest_block().value()->number, 1);
  EXPECT_EQ(other.block(0).value()->time_ms, 10);
  // Who takes part and no more makes no time.
  ASSERT_EQ(this->add(2), 1u);
  Timekeeper miner(this->harness_.board(), this->ledger_, test_key(2));
  EXPECT_TRUE(fails(miner.take_over(), ErrorKind::kFatal, "may not make blocks"));
}

TYPED_TEST_P(LedgerContract, GivesTheLowestFreeUids) {
  EXPECT_EQ(this->add(10), 0u);
  EXPECT_EQ(this->add(5), 1u);
  EXPECT_EQ(this->add(7), 2u);
  const auto nodes = this->nodes();
  ASSERT_EQ(nodes.size(), 3u);
  for (uint32_t uid = 0; uid < 3; ++uid) EXPECT_EQ(nodes[uid].uid, uid);
}

TYPED_TEST_P(LedgerContract, KeepsWhatWasRegistered) {
  Registration wanted = wanted_node(200, NodeRole::kValidator);
  wanted.store = "s3://bucket/prefix?endpoint=https://s3.example:8443&region=here&access=public";
  wanted.uid = 99;     // not the caller's to choose
  wanted.stake = 1e9;  // neither
  ASSERT_EQ(this->writer(200).register_node(wanted).value(), 0u);
  wanted.uid = 0;
  wanted.stake = 0;
  wanted.key = test_key(200).public_key();
  EXPECT_THAT(this->nodes(), ::testing::ElementsAre(wanted));
}

TYPED_TEST_P(LedgerContract, UpdatesTheNodeOfAKnownKey) {
  ASSERT_EQ(this->add(1), 0u);
  ASSERT_EQ(this->add(2), 1u);
  Registration again = wanted_node(1, NodeRole::kEvaluator);
  again.bucket = "another-bucket";
  again.store = "s3://another?endpoint=https://s3.example";
  EXPECT_EQ(this->writer(1).register_node(again).value(), 0u);
  const auto nodes = this->nodes();
  ASSERT_EQ(nodes.size(), 2u);
  again.key = test_key(1).public_key();
  EXPECT_EQ(nodes[0], again);
  EXPECT_EQ(this->add(3), 2u);
}

TYPED_TEST_P(LedgerContract, RefusesABucketOfAnother) {
  ASSERT_EQ(this->add(1), 0u);
  Registration thief = wanted_node(2);
  thief.bucket = test_bucket(1);
  EXPECT_TRUE(fails(this->writer(2).register_node(thief), ErrorKind::kFatal, "belongs to uid 0"));
  ASSERT_EQ(this->add(3), 1u);
  Registration mover = wanted_node(3);
  mover.bucket = test_bucket(1);
  EXPECT_TRUE(fails(this->writer(3).register_node(mover), ErrorKind::kFatal, "belongs to uid 0"));
  EXPECT_EQ(this->nodes().at(1).bucket, test_bucket(3));
}

TYPED_TEST_P(LedgerContract, RefusesARegistrationThatMakesNoSense) {
  const Registration nameless{.role = NodeRole::kMiner, .key = {}, .bucket = "../x"};
  EXPECT_TRUE(fails(this->writer(1).register_node(nameless), ErrorKind::kFatal, "bucket name"));
  for (const char* store : {"file:/tmp", "s3://", "https://s3.example", "x"}) {
    Registration misplaced = wanted_node(1);
    misplaced.store = store;
    EXPECT_TRUE(fails(this->writer(1).register_node(misplaced), ErrorKind::kFatal, "store")) << store;
  }
  EXPECT_TRUE(this->nodes().empty());
}

TYPED_TEST_P(LedgerContract, HasStakeFromTheOwnerAlone) {
  ASSERT_EQ(this->add(1, NodeRole::kValidator), 0u);
  EXPECT_EQ(this->nodes()[0].stake, 0);
  OwnerWriter pretender(this->harness_.board(), this->ledger_, test_key(1));
  EXPECT_TRUE(fails(pretender.set_standing(test_key(1).public_key(), {.stake = 1e9}), ErrorKind::kFatal,
                    "is not the run's owner"));
  ASSERT_TRUE(this->owner().set_standing(test_key(1).public_key(), {.stake = 2.5, .is_founder = true}));
  EXPECT_EQ(this->nodes()[0].stake, 2.5);
  EXPECT_TRUE(this->nodes()[0].is_founder);
  ASSERT_TRUE(this->owner().set_standing(test_key(1).public_key(), {.is_removed = true}));
  EXPECT_TRUE(this->nodes()[0].is_removed);
  EXPECT_EQ(this->nodes()[0].stake, 0);
  for (const double stake :
       {-1.0, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_TRUE(fails(this->owner().set_standing(test_key(1).public_key(), {.stake = stake}),
                      ErrorKind::kFatal, "stake"));
  }
}

TYPED_TEST_P(LedgerContract, ReplacesAllWeightsOfAValidator) {
  const uint32_t one = this->add(1, NodeRole::kValidator);
  const uint32_t two = this->add(2, NodeRole::kValidator);
  ASSERT_TRUE(this->writer(1).set_weights({{7, 0.25}, {3, 0.1}, {1000000, 0}}));
  ASSERT_TRUE(this->writer(2).set_weights({{3, 1}}));
  using Weights = std::vector<WeightEntry>;
  EXPECT_EQ(this->ledger_.weights(one).value(), (Weights{{3, 0.1}, {7, 0.25}, {1000000, 0}}));
  ASSERT_TRUE(this->writer(1).set_weights({{4, 0.5}}));
  EXPECT_EQ(this->ledger_.weights(one).value(), (Weights{{4, 0.5}}));
  EXPECT_EQ(this->ledger_.weights(two).value(), (Weights{{3, 1}}));
  ASSERT_TRUE(this->writer(1).set_weights({}));
  EXPECT_EQ(this->ledger_.weights(one).value(), Weights());
}

TYPED_TEST_P(LedgerContract, RefusesWeightsThatMakeNoSense) {
  const uint32_t validator = this->add(1, NodeRole::kValidator);
  ASSERT_EQ(this->add(2, NodeRole::kMiner), 1u);
  ASSERT_TRUE(this->writer(1).set_weights({{1, 0.5}}));
  const auto set = [&](uint32_t number, const std::vector<WeightEntry>& weights) {
    return this->writer(number).set_weights(weights);
  };
  EXPECT_TRUE(fails(set(2, {}), ErrorKind::kFatal, "uid 1 is no validator"));
  EXPECT_TRUE(fails(set(9, {}), ErrorKind::kFatal, "is not registered"));
  EXPECT_TRUE(fails(set(1, {{1, 0.1}, {2, -0.1}}), ErrorKind::kFatal, "weight -0.1 of uid 2"));
  EXPECT_TRUE(fails(set(1, {{1, 0.1}, {1, 0.2}}), ErrorKind::kFatal, "uid 1 has two weights"));
  for (const double weight :
       {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_TRUE(fails(set(1, {{3, weight}}), ErrorKind::kFatal, "of uid 3: not a finite number"));
  }
  EXPECT_THAT(this->ledger_.weights(validator).value(), ::testing::ElementsAre(WeightEntry{1, 0.5}));
}

TYPED_TEST_P(LedgerContract, ShowsWhoIsAlive) {
  const uint32_t uid = this->add_validator(1, 1);
  ASSERT_EQ(this->add(2), 1u);
  Heartbeat beat{.uid = 7,
                 .block = 5,
                 .window = 2,
                 .outer_step = 1,
                 .state_root = test_run_id(),
                 .term = 0,
                 .software = "templar 1"};
  ASSERT_TRUE(this->writer(1).beat(beat));
  EXPECT_TRUE(fails(this->writer(2).beat(beat), ErrorKind::kFatal, "uid 1 is no validator"));
  beat.uid = uid;
  EXPECT_THAT(this->ledger_.heartbeats().value(), ::testing::ElementsAre(beat));
}

TYPED_TEST_P(LedgerContract, TermIsBegunByAFounderAndOnce) {
  EXPECT_EQ(this->add_validator(1, 5), 0u);
  EXPECT_EQ(this->add_validator(2, 1, true), 1u);
  EXPECT_EQ(this->add_validator(3, 1, true), 2u);
  ASSERT_EQ(this->add(4), 3u);
  EXPECT_TRUE(
      fails(this->writer(1).begin_term(this->term_from(0, 4, -1)), ErrorKind::kFatal, "is no founder"));
  EXPECT_TRUE(fails(this->writer(4).begin_term(this->term_from(0, 4, -1)), ErrorKind::kFatal, "may lead"));
  EXPECT_TRUE(this->writer(2).begin_term(this->term_from(0, 4, -1)).value());
  EXPECT_TRUE(this->writer(2).begin_term(this->term_from(0, 4, -1)).value()) << "said again";
  EXPECT_FALSE(this->writer(3).begin_term(this->term_from(0, 4, -1)).value());
  EXPECT_FALSE(this->writer(2).begin_term(this->term_from(0, 5, -1)).value()) << "not from another window";
  const auto terms = this->ledger_.terms().value();
  ASSERT_EQ(terms.size(), 1u);
  EXPECT_EQ(terms[0].leader, test_key(2).public_key());
  EXPECT_EQ(terms[0].first_window, 4);
  // The first word for the run can't be taken back.
  EXPECT_TRUE(fails(this->owner().set_standing(test_key(2).public_key(), {.stake = 1}), ErrorKind::kFatal,
                    "it stays a founder"));
}

TYPED_TEST_P(LedgerContract, TermDecidesEachWindowOnce) {
  EXPECT_EQ(this->add_validator(1, 5, true), 0u);
  EXPECT_EQ(this->add_validator(2, 1), 1u);
  ASSERT_TRUE(this->writer(1).begin_term(this->term_from(0, 4, -1)).value());
  EXPECT_TRUE(fails(this->writer(2).decide(this->decision_of(4, 0)), ErrorKind::kFatal, "does not lead"));
  EXPECT_TRUE(fails(this->writer(1).decide(this->decision_of(3, 0)), ErrorKind::kFatal, "does not lead"));
  EXPECT_TRUE(this->writer(1).decide(this->decision_of(4, 0)).value());
  EXPECT_TRUE(this->writer(1).decide(this->decision_of(4, 0)).value()) << "said again";
  EXPECT_FALSE(this->writer(1).decide(this->decision_of(4, 0, 1, "another")).value());
  EXPECT_EQ(this->ledger_.decision(4, 0).value(), this->decision_of(4, 0));
  EXPECT_EQ(this->ledger_.decision(5, 0).value(), std::nullopt);
}

TYPED_TEST_P(LedgerContract, TakeoverEndsTheTermBefore) {
  EXPECT_EQ(this->add_validator(1, 5, true), 0u);
  EXPECT_EQ(this->add_validator(2, 1), 1u);
  ASSERT_TRUE(this->writer(1).begin_term(this->term_from(0, 4, -1)).value());
  ASSERT_TRUE(this->writer(1).decide(this->decision_of(4, 0)).value());
  EXPECT_FALSE(this->writer(2).begin_term(this->term_from(1, 4, 0)).value()) << "window 4 is decided";
  EXPECT_TRUE(this->writer(2).begin_term(this->term_from(1, 5, 0)).value());
  EXPECT_FALSE(this->writer(1).decide(this->decision_of(5, 0)).value()) << "its term is over";
  EXPECT_TRUE(this->writer(2).decide(this->decision_of(5, 1)).value());
  EXPECT_EQ(this->ledger_.decision(5, 0).value(), std::nullopt);
  EXPECT_EQ(this->ledger_.decision(5, 1).value(), this->decision_of(5, 1, 2));
  EXPECT_FALSE(this->writer(1).begin_term(this->term_from(3, 6, 1)).value()) << "numbers have no holes";
}

TYPED_TEST_P(LedgerContract, TermIsEndedByTheOwner) {
  EXPECT_EQ(this->add_validator(1, 5, true), 0u);
  ASSERT_TRUE(this->writer(1).begin_term(this->term_from(0, 4, -1)).value());
  ASSERT_TRUE(this->writer(1).decide(this->decision_of(4, 0)).value());
  EXPECT_TRUE(fails(this->owner().end_term(1), ErrorKind::kFatal, "there is no term 1"));
  ASSERT_TRUE(this->owner().end_term(0));
  ASSERT_TRUE(this->owner().end_term(0)) << "said again";
  EXPECT_EQ(this->ledger_.terms().value()[0].ended_after, 4);
  EXPECT_FALSE(this->writer(1).decide(this->decision_of(5, 0)).value());
  EXPECT_EQ(this->ledger_.decision(4, 0).value(), this->decision_of(4, 0));
}

TYPED_TEST_P(LedgerContract, TermOfARemovedNodeCountsUpToItsRemoval) {
  EXPECT_EQ(this->add_validator(1, 5, true), 0u);
  EXPECT_EQ(this->add_validator(2, 1), 1u);
  ASSERT_TRUE(this->writer(1).begin_term(this->term_from(0, 0, -1)).value());
  ASSERT_TRUE(this->writer(2).begin_term(this->term_from(1, 2, 0)).value());
  ASSERT_TRUE(this->owner().set_standing(test_key(2).public_key(), {.is_removed = true}));
  EXPECT_EQ(this->ledger_.terms().value().size(), 2u);
  EXPECT_FALSE(this->writer(2).begin_term(this->term_from(2, 3, 1)).value());
  // Also where it writes without asking.
  const Bytes forged = seal_ledger_entry(
      {.run_id = test_run_id(),
       .author = {},
       .content =
           TermEntry{.number = 2, .previous = 1, .first_window = 3, .outer_step = 0, .state_root = {}}},
      test_key(2));
  ASSERT_TRUE(this->harness_.board().write("terms/0000000002", forged, {}).value());
  EXPECT_EQ(this->ledger_.terms().value().size(), 2u);
  // And it stands in nobody's way.
  EXPECT_TRUE(this->writer(1).begin_term(this->term_from(2, 3, 1)).value());
  EXPECT_EQ(this->ledger_.terms().value().back().leader, test_key(1).public_key());
}

TYPED_TEST_P(LedgerContract, SignedEntryCountsOnlyWhereItsAuthorPutIt) {
  const uint32_t one = this->add_validator(1, 5, true);
  ASSERT_EQ(this->add_validator(2, 1), 1u);
  ASSERT_TRUE(this->writer(2).set_weights({{4, 1}}));
  NoticeBoard& board = this->harness_.board();
  const auto copy = [&](const char* from, const char* to) {
    return board.write(to, board.read(from).value()->content, {}).value();
  };
  // Another's words under one's own uid, and words of another kind.
  ASSERT_TRUE(copy("weights/0000000001", "weights/0000000000"));
  EXPECT_TRUE(this->ledger_.weights(one).value().empty());
  ASSERT_TRUE(copy("nodes/0000000001", "nodes/0000000005"));
  ASSERT_TRUE(copy("weights/0000000001", "nodes/0000000006"));
  ASSERT_TRUE(copy("nodes/0000000001", "terms/0000000000"));
  EXPECT_EQ(this->nodes().size(), 2u);
  EXPECT_TRUE(this->ledger_.terms().value().empty());
  // A word of the owner's for another key.
  const std::string of_two = "standings/" + test_key(2).public_key().hex();
  ASSERT_TRUE(copy(("standings/" + test_key(1).public_key().hex()).c_str(), of_two.c_str()));
  EXPECT_EQ(this->another_reader().registrations().value().at(1).stake, 0);
}

TYPED_TEST_P(LedgerContract, SignedEntryOfAnotherRunOrForgedIsPassedOver) {
  ASSERT_EQ(this->add_validator(1, 5, true), 0u);
  NoticeBoard& board = this->harness_.board();
  const SignedLedger other(board, blake2b_256(as_bytes("another run")), test_owner().public_key());
  EXPECT_TRUE(other.registrations().value().empty());
  const std::string standing = "standings/" + test_key(1).public_key().hex();
  Bytes changed = board.read(standing).value()->content;
  changed[changed.size() - 80] ^= 1;
  ASSERT_TRUE(board.write(standing, changed, {}).value());
  EXPECT_EQ(this->another_reader().registrations().value().at(0).stake, 0);
  const Bytes by_itself = seal_ledger_entry(
      {.run_id = test_run_id(),
       .author = {},
       .sequence = 99,
       .content =
           StandingEntry{
               .subject = test_key(1).public_key(), .stake = 1e9, .is_admitted = true, .is_founder = true}},
      test_key(1));
  ASSERT_TRUE(board.write(standing, by_itself, {}).value());
  EXPECT_EQ(this->another_reader().registrations().value().at(0).stake, 0);
  // Rubbish behind the blocks hides none of them.
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(this->timekeeper_.make_block(i));
  ASSERT_TRUE(board.write("blocks/9999999999", as_bytes("rubbish"), {}).value());
  EXPECT_EQ(this->another_reader().latest_block().value()->number, 4);
  EXPECT_EQ(this->timekeeper_.make_block(5).value().number, 5);
  EXPECT_EQ(this->ledger_.latest_block().value()->number, 5);
}

TYPED_TEST_P(LedgerContract, SignedEntryThatIsOlderIsNotTakenBack) {
  ASSERT_EQ(this->add_validator(1, 5), 0u);
  NoticeBoard& board = this->harness_.board();
  const std::string key = "standings/" + test_key(1).public_key().hex();
  const Bytes old = board.read(key).value()->content;
  ASSERT_TRUE(this->owner().set_standing(test_key(1).public_key(), {.is_removed = true}));
  EXPECT_TRUE(this->nodes().at(0).is_removed);
  ASSERT_TRUE(board.write(key, old, {}).value());
  EXPECT_TRUE(this->nodes().at(0).is_removed) << "it was seen";
}

TYPED_TEST_P(LedgerContract, MayBeUsedByManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 10;
  const uint32_t validator = this->add(255, NodeRole::kValidator);
  std::atomic<int> failures = 0;
  std::atomic<bool> done = false;
  std::thread reading([&] {
    int64_t last = -1;
    while (!done) {
      const auto block = this->ledger_.latest_block();
      if (!block || (*block && (*block)->number < last)) ++failures;
      if (block && *block) last = (*block)->number;
      // Either all weights of one setting or all of another.
      const auto weights = this->ledger_.weights(validator);
      if (!weights ||
          (!weights->empty() && (weights->size() != 10 || weights->front().weight != weights->back().weight)))
        ++failures;
    }
  });
  std::vector<std::thread> writing;
  for (int thread = 0; thread < kThreads; ++thread) {
    writing.emplace_back([&, thread] {
      Timekeeper timekeeper(this->harness_.board(), this->ledger_, test_owner());
      for (int round = 0; round < kRounds; ++round) {
        if (!timekeeper.make_block(5)) ++failures;
        const auto number = static_cast<uint32_t>(thread * kRounds + round);
        if (!this->writer(number).register_node(wanted_node(number))) ++failures;
        std::vector<WeightEntry> weights;
        for (uint32_t uid = 0; uid < 10; ++uid) weights.push_back({uid, static_cast<double>(round)});
        if (!this->writer(255).set_weights(weights)) ++failures;
      }
    });
  }
  for (std::thread& thread : writing) thread.join();
  done = true;
  reading.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(this->ledger_.latest_block().value()->number, kThreads * kRounds - 1);
  const auto nodes = this->nodes();
  ASSERT_EQ(nodes.size(), static_cast<size_t>(kThreads * kRounds + 1));
  for (uint32_t uid = 0; uid < nodes.size(); ++uid) EXPECT_EQ(nodes[uid].uid, uid);
}

REGISTER_TYPED_TEST_SUITE_P(LedgerContract, IsEmptyAtFirst, MakesBlocksInARow, RefusesABlockFromThePast,
                            LetsOneTimekeeperMakeBlocksAtATime, GivesTheLowestFreeUids,
                            KeepsWhatWasRegistered, UpdatesTheNodeOfAKnownKey, RefusesABucketOfAnother,
                            RefusesARegistrationThatMakesNoSense, HasStakeFromTheOwnerAlone,
                            ReplacesAllWeightsOfAValidator, RefusesWeightsThatMakeNoSense, ShowsWhoIsAlive,
                            TermIsBegunByAFounderAndOnce, TermDecidesEachWindowOnce,
                            TakeoverEndsTheTermBefore, TermIsEndedByTheOwner,
                            TermOfARemovedNodeCountsUpToItsRemoval, SignedEntryCountsOnlyWhereItsAuthorPutIt,
                            SignedEntryOfAnotherRunOrForgedIsPassedOver, SignedEntryThatIsOlderIsNotTakenBack,
                            MayBeUsedByManyThreads);

}  // namespace templar::testing
