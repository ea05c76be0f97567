// What a signed ledger must do with the owner's amendments on every kind of board. Instantiated with the same
// harnesses as ledger_contract.h.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ports/signed_ledger.h"
#include "support/expect_failure.h"
#include "support/ledger_values.h"
#include "support/test_key.h"

namespace templar::testing {

template <typename Harness>
class AmendmentContract : public ::testing::Test {
 protected:
  using Changes = std::vector<std::string>;
  using Amendments = std::vector<Amendment>;

  [[nodiscard]] OwnerWriter owner() { return {harness_.board(), ledger_, test_owner()}; }
  // One that has seen nothing yet.
  [[nodiscard]] Amendments read_anew() {
    return SignedLedger(harness_.board(), test_run_id(), test_owner().public_key()).amendments().value();
  }
  void make_blocks(int count) {
    for (int i = 0; i < count; ++i) ASSERT_TRUE(timekeeper_.make_block(1000));
  }
  // Signed and written without asking.
  void post(const KeyPair& author, const AmendmentEntry& content) {
    const Bytes sealed =
        seal_ledger_entry({.run_id = test_run_id(), .author = {}, .content = content}, author);
    ASSERT_TRUE(
        harness_.board().write("amendments/000000000" + std::to_string(content.number), sealed, {}).value());
  }

  Harness harness_;
  SignedLedger ledger_{harness_.board(), test_run_id(), test_owner().public_key()};
  Timekeeper timekeeper_{harness_.board(), ledger_, test_owner()};
};

TYPED_TEST_SUITE_P(AmendmentContract);

TYPED_TEST_P(AmendmentContract, IsReadByAllInTheOrderOfItsNumber) {
  using Changes = std::vector<std::string>;
  EXPECT_TRUE(this->ledger_.amendments().value().empty());
  this->make_blocks(3);
  const auto first = this->owner().amend(4, 10, {"codec.topk=8"});
  const auto second = this->owner().amend(4, 10, {"codec.topk=9", "outer.learning_rate=0.5"});
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->number, 1);
  EXPECT_EQ(second->number, 2);
  EXPECT_EQ(second->first_window, 4);
  EXPECT_EQ(second->before_block, 10);
  EXPECT_EQ(second->changes, (Changes{"codec.topk=9", "outer.learning_rate=0.5"}));
  EXPECT_EQ(
      first->hash,
      amendment_hash(
          test_run_id(),
          {.number = 1, .previous = {}, .first_window = 4, .before_block = 10, .changes = {"codec.topk=8"}}));
  EXPECT_NE(second->hash, first->hash);
  EXPECT_THAT(this->ledger_.amendments().value(), ::testing::ElementsAre(*first, *second));
  this->make_blocks(20);
  EXPECT_THAT(this->read_anew(), ::testing::ElementsAre(*first, *second)) << "whenever it is read";
}

TYPED_TEST_P(AmendmentContract, IsTheOwnersAlone) {
  OwnerWriter pretender(this->harness_.board(), this->ledger_, test_key(1));
  EXPECT_TRUE(fails(pretender.amend(4, 10, {"codec.topk=8"}), ErrorKind::kFatal, "is not the run's owner"));
  const AmendmentEntry content{
      .number = 1, .previous = {}, .first_window = 4, .before_block = 10, .changes = {"codec.topk=8"}};
  this->post(test_key(1), content);
  EXPECT_TRUE(this->read_anew().empty());
  // And what lies there stands in nobody's way.
  const auto amended = this->owner().amend(5, 10, {"codec.topk=9"});
  ASSERT_TRUE(amended);
  EXPECT_THAT(this->read_anew(), ::testing::ElementsAre(*amended));
}

TYPED_TEST_P(AmendmentContract, CountsOnlyIfItWasThereBeforeItsBlock) {
  this->make_blocks(5);
  EXPECT_TRUE(fails(this->owner().amend(2, 4, {"codec.topk=8"}), ErrorKind::kSkip,
                    "window 2 can't be amended any more: block 4 is made"));
  const auto in_time = this->owner().amend(3, 5, {"codec.topk=8"});
  ASSERT_TRUE(in_time);
  this->make_blocks(1);
  // Written late, by whoever has the owner's key and does not ask: passed over by all, at any time.
  const AmendmentEntry late{.number = 2,
                            .previous = in_time->hash,
                            .first_window = 3,
                            .before_block = 5,
                            .changes = {"codec.topk=9"}};
  this->post(test_owner(), late);
  EXPECT_THAT(this->ledger_.amendments().value(), ::testing::ElementsAre(*in_time));
  EXPECT_THAT(this->read_anew(), ::testing::ElementsAre(*in_time));
  // Rubbish in the place of a block that is not made yet makes none too late, and its number is free.
  ASSERT_TRUE(this->harness_.board().write("blocks/0000000006", as_bytes("rubbish"), {}).value());
  const auto next = this->owner().amend(4, 6, {"codec.topk=9"});
  ASSERT_TRUE(next) << next.error().message;
  this->make_blocks(2);
  EXPECT_THAT(this->read_anew(), ::testing::ElementsAre(*in_time, *next));
}

TYPED_TEST_P(AmendmentContract, IsSaidOnceHoweverOftenItIsSaid) {
  const auto once = this->owner().amend(4, 10, {"codec.topk=8"});
  const auto again = this->owner().amend(4, 10, {"codec.topk=8"});
  ASSERT_TRUE(once && again);
  EXPECT_EQ(*once, *again);
  EXPECT_EQ(this->read_anew().size(), 1u);
}

TYPED_TEST_P(AmendmentContract, NeverBeginsBeforeTheOneBefore) {
  const auto first = this->owner().amend(6, 10, {"codec.topk=8"});
  ASSERT_TRUE(first);
  EXPECT_TRUE(fails(this->owner().amend(5, 10, {"codec.topk=9"}), ErrorKind::kSkip,
                    "amendment 1 begins in window 6"));
  AmendmentEntry earlier{.number = 2,
                         .previous = first->hash,
                         .first_window = 5,
                         .before_block = 10,
                         .changes = {"codec.topk=9"}};
  this->post(test_owner(), earlier);
  EXPECT_EQ(this->read_anew().size(), 1u);
  // Nor does one count that follows another amendment, or leaves a number out.
  earlier.first_window = 6;
  earlier.previous = test_run_id();
  this->post(test_owner(), earlier);
  EXPECT_EQ(this->read_anew().size(), 1u);
  earlier.previous = first->hash;
  earlier.number = 3;
  this->post(test_owner(), earlier);
  EXPECT_EQ(this->read_anew().size(), 1u);
}

TYPED_TEST_P(AmendmentContract, StaysAsItWasFirstRead) {
  const auto first = this->owner().amend(4, 10, {"codec.topk=8"});
  ASSERT_TRUE(first);
  ASSERT_EQ(this->ledger_.amendments().value().size(), 1u);
  this->post(
      test_owner(),
      {.number = 1, .previous = {}, .first_window = 4, .before_block = 10, .changes = {"codec.topk=9"}});
  EXPECT_THAT(this->ledger_.amendments().value(), ::testing::ElementsAre(*first)) << "it was seen";
  ASSERT_TRUE(this->harness_.board().write("amendments/0000000001", as_bytes("rubbish"), {}).value());
  EXPECT_THAT(this->ledger_.amendments().value(), ::testing::ElementsAre(*first));
}

REGISTER_TYPED_TEST_SUITE_P(AmendmentContract, IsReadByAllInTheOrderOfItsNumber, IsTheOwnersAlone,
                            CountsOnlyIfItWasThereBeforeItsBlock, IsSaidOnceHoweverOftenItIsSaid,
                            NeverBeginsBeforeTheOneBefore, StaysAsItWasFirstRead);

}  // namespace templar::testing
