#include "sim/faults/run_truth.h"

#include <gtest/gtest.h>

#include "core/protocol/sealed_upload.h"
#include "support/decided_run.h"
#include "support/expect_failure.h"
#include "support/synthetic_contribution.h"

namespace templar::testing {
namespace {

struct Truth : ::testing::Test, DecidedRun {
  Truth() : DecidedRun(1) {}
};

TEST_F(Truth, BeginsWithTheFirstTermAndFollowsItsDecisions) {
  ASSERT_TRUE(truth.follow());
  EXPECT_EQ(truth.next_window(), std::nullopt);
  begin();
  ASSERT_TRUE(truth.follow());
  EXPECT_EQ(truth.next_window(), 0);
  ASSERT_NE(truth.root_of(0), nullptr);
  EXPECT_EQ(*truth.root_of(0), first_root);
  decide(0, null_round(0));
  decide(0, null_round(1));
  ASSERT_TRUE(truth.follow());
  EXPECT_EQ(truth.next_window(), 2);
  EXPECT_EQ(*truth.root_of(2), first_root) << "null rounds change nothing";
  EXPECT_TRUE(truth.check_kept());
}

TEST_F(Truth, RefusesARunOfAnotherFirstModel) {
  begin_term(0, {.state_root = blake2b_256(as_bytes("another"))});
  EXPECT_TRUE(fails(truth.follow(), ErrorKind::kFatal, "another model than the first one"));
}

TEST_F(Truth, RefusesADecisionForAnotherModel) {
  begin();
  AggregateRecord record = null_round(0);
  record.state_root = blake2b_256(as_bytes("another"));
  decide(0, record);
  EXPECT_TRUE(fails(truth.follow(), ErrorKind::kFatal, "all before leads to"));
}

TEST_F(Truth, GoesOnWithoutAContributionThatAFaultTook) {
  begin();
  AggregateRecord record = null_round(0);
  record.accepted = {{static_cast<uint32_t>(plan.validators), blake2b_256(as_bytes("lost")), 10}};
  damaged.insert(nodes[0].bucket + "/" + accepted_contribution_key(0, record.accepted[0].uid));
  decide(0, record);
  ASSERT_TRUE(truth.follow());
  EXPECT_EQ(truth.next_window(), 1);
  EXPECT_EQ(truth.root_of(1), nullptr) << "nobody can know it";
  ParameterBuffers model(layout);
  initialise_parameters(layout, plan.spec.model, plan.spec.seed, model.spans());
  truth.take_model(1, first_root, std::as_const(model).spans());
  decide(0, null_round(1));
  ASSERT_TRUE(truth.follow());
  EXPECT_EQ(*truth.root_of(2), first_root);
}

TEST_F(Truth, RefusesARecordThatNamesAContributionThatIsNowhere) {
  begin();
  AggregateRecord record = null_round(0);
  record.accepted = {{static_cast<uint32_t>(plan.validators), blake2b_256(as_bytes("lost")), 10}};
  decide(0, record);
  EXPECT_TRUE(fails(truth.follow(), ErrorKind::kFatal, "nobody has the contribution"));
}

// Until the others have copies, it is the leader's that counts: the miner may take its own back.
TEST_F(Truth, RefusesADecisionOfWhichTheLeaderHasNoCopies) {
  begin();
  const auto uid = static_cast<uint32_t>(plan.validators);
  const KeyPair& miner = nodes[uid].key;
  ContributionHeader header = synthetic_header(uid, 0);
  header.run_id = run_id(plan.spec);
  header.public_key = miner.public_key();
  header.state_root = first_root;
  const Bytes bytes =
      seal_contribution(header, synthetic_blocks(layout, plan.spec.codec, 1), layout, plan.spec.codec, miner);
  const bool is_sealed = plan.spec.network.sealed_uploads;
  const CipherKey key = upload_key(miner, header.run_id, 0, stated_content_hash(bytes));
  const Bytes stored = is_sealed ? seal_upload(header, bytes, miner) : bytes;
  ASSERT_TRUE(store.put(nodes[uid].bucket, contribution_key(0), stored));
  ASSERT_TRUE(store.put(nodes[uid].bucket, upload_key_key(0), key.bytes));
  AggregateRecord record = null_round(0);
  const auto contribution = parse_contribution(bytes, layout, plan.spec.codec);
  ASSERT_TRUE(contribution);
  record.accepted = {{uid, contribution->content_hash(), contribution->size_bytes()}};
  decide(0, record);
  EXPECT_TRUE(fails(truth.follow(), ErrorKind::kFatal, "its leader has no copy of the contribution"));
  ASSERT_TRUE(store.put(nodes[0].bucket, accepted_contribution_key(0, uid), bytes));
  RunTruth again{plan, nodes, ledger, store, damaged};
  ASSERT_TRUE(again.follow());
  EXPECT_EQ(again.next_window(), 1);
  EXPECT_EQ(again.next_outer_step(), 1);
}

TEST_F(Truth, RefusesADecisionOfAWindowThatIsOpen) {
  begin();
  decide(0, null_round(0));
  ASSERT_TRUE(truth.follow());
  const auto decided = ledger.writer(nodes[0]).decide({.record = null_round(1)});
  ASSERT_TRUE(decided && *decided);
  EXPECT_TRUE(fails(truth.follow(), ErrorKind::kFatal, "window 1 is decided before its put window is over"));
}

TEST_F(Truth, FollowsNoDecisionThatTheOwnerWillTakeBack) {
  begin();
  decide(0, null_round(0));
  AggregateRecord wrong = null_round(1);
  wrong.state_root = blake2b_256(as_bytes("wrong"));
  decide(0, wrong);
  truth.disown(1, 0);
  ASSERT_TRUE(truth.follow());
  EXPECT_EQ(truth.next_window(), 1);
  ASSERT_TRUE(ledger.owner().end_term(0, 0));
  begin_term(1, {.number = 1, .previous = 0, .first_window = 1, .state_root = first_root});
  decide(1, null_round(1), 1);
  ASSERT_TRUE(truth.follow());
  EXPECT_EQ(truth.next_window(), 2);
  EXPECT_TRUE(truth.check_kept());
}

TEST_F(Truth, CountsOuterStepsAsTheRecordsDo) {
  EXPECT_EQ(truth.next_outer_step(), std::nullopt);
  begin();
  ASSERT_TRUE(truth.follow());
  EXPECT_EQ(truth.next_outer_step(), 0);
  decide(0, null_round(0));
  ASSERT_TRUE(truth.follow());
  EXPECT_EQ(truth.next_outer_step(), 0);
}

TEST_F(Truth, SkipsATermThatBeginsWithAWrongModel) {
  begin();
  decide(0, null_round(0));
  ASSERT_TRUE(truth.follow());
  begin_term(1,
             {.number = 1, .previous = 0, .first_window = 1, .state_root = blake2b_256(as_bytes("wrong"))});
  ASSERT_EQ(truth.chain().value().size(), 1u);
  begin_term(1, {.number = 2, .previous = 0, .first_window = 1, .state_root = first_root});
  decide(1, null_round(1), 2);
  ASSERT_TRUE(truth.follow());
  EXPECT_EQ(truth.next_window(), 2);
  EXPECT_TRUE(truth.check_kept());
}

TEST_F(Truth, NoticesThatWhatWasSettledCountsNoMore) {
  begin();
  decide(0, null_round(0));
  decide(0, null_round(1));
  ASSERT_TRUE(truth.follow());
  ASSERT_TRUE(ledger.owner().end_term(0, 0));
  EXPECT_TRUE(fails(truth.check_kept(), ErrorKind::kFatal, "window 1 was decided in term 0, which now"));
}

}  // namespace
}  // namespace templar::testing
