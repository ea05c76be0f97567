#include "sim/faults/run_truth.h"

#include <gtest/gtest.h>

#include "core/consensus/state_root.h"
#include "core/protocol/object_keys.h"
#include "support/expect_failure.h"

namespace templar::testing {
namespace {

class Truth : public ::testing::Test {
 protected:
  Truth() {
    ParameterBuffers model(layout_);
    initialise_parameters(layout_, plan_.spec.model, plan_.spec.seed, model.spans());
    ThreadTeam team(1);
    first_root_ = compute_state_root(layout_, std::as_const(model).spans(), team);
    EXPECT_TRUE(ledger_.make_block(0));
  }

  void begin_term(size_t leader, const Term& term) {
    const auto begun = ledger_.writer(nodes_[leader]).begin_term(term);
    ASSERT_TRUE(begun && *begun);
  }
  void begin_run() { begin_term(0, {.state_root = first_root_}); }

  [[nodiscard]] AggregateRecord null_round(int64_t window) const {
    return {.run_id = run_id(plan_.spec), .window = window, .state_root = first_root_};
  }
  void decide(size_t leader, const AggregateRecord& record, int64_t term = 0) {
    const auto decided = ledger_.writer(nodes_[leader]).decide({.term = term, .record = record});
    ASSERT_TRUE(decided && *decided);
  }

  const FaultPlan plan_ = plan_faults(1, {.without_faults = true});
  const std::vector<NodeIdentity> nodes_ = identities_of(plan_);
  const ParameterLayout layout_ = parameter_layout(plan_.spec.model);
  const VirtualClock clock_;
  SimulatedLedger ledger_{plan_, nodes_};
  MemoryObjectStore store_{clock_};
  std::set<std::string> damaged_;
  RunTruth truth_{plan_, nodes_, ledger_.reader(), store_, damaged_};
  Hash256 first_root_;
};

TEST_F(Truth, BeginsWithTheFirstTermAndFollowsItsDecisions) {
  ASSERT_TRUE(truth_.follow());
  EXPECT_EQ(truth_.next_window(), std::nullopt);
  begin_run();
  ASSERT_TRUE(truth_.follow());
  EXPECT_EQ(truth_.next_window(), 0);
  ASSERT_NE(truth_.root_of(0), nullptr);
  EXPECT_EQ(*truth_.root_of(0), first_root_);
  decide(0, null_round(0));
  decide(0, null_round(1));
  ASSERT_TRUE(truth_.follow());
  EXPECT_EQ(truth_.next_window(), 2);
  EXPECT_EQ(*truth_.root_of(2), first_root_) << "null rounds change nothing";
  EXPECT_TRUE(truth_.check_kept());
}

TEST_F(Truth, RefusesARunOfAnotherFirstModel) {
  begin_term(0, {.state_root = blake2b_256(as_bytes("another"))});
  EXPECT_TRUE(fails(truth_.follow(), ErrorKind::kFatal, "another model than the first one"));
}

TEST_F(Truth, RefusesADecisionForAnotherModel) {
  begin_run();
  AggregateRecord record = null_round(0);
  record.state_root = blake2b_256(as_bytes("another"));
  decide(0, record);
  EXPECT_TRUE(fails(truth_.follow(), ErrorKind::kFatal, "all before leads to"));
}

TEST_F(Truth, GoesOnWithoutAContributionThatAFaultTook) {
  begin_run();
  AggregateRecord record = null_round(0);
  record.accepted = {{static_cast<uint32_t>(plan_.validators), blake2b_256(as_bytes("lost")), 10}};
  damaged_.insert(nodes_[0].bucket + "/" + accepted_contribution_key(0, record.accepted[0].uid));
  decide(0, record);
  ASSERT_TRUE(truth_.follow());
  EXPECT_EQ(truth_.next_window(), 1);
  EXPECT_EQ(truth_.root_of(1), nullptr) << "nobody can know it";
  ParameterBuffers model(layout_);
  initialise_parameters(layout_, plan_.spec.model, plan_.spec.seed, model.spans());
  truth_.take_model(1, first_root_, std::as_const(model).spans());
  decide(0, null_round(1));
  ASSERT_TRUE(truth_.follow());
  EXPECT_EQ(*truth_.root_of(2), first_root_);
}

TEST_F(Truth, RefusesARecordThatNamesAContributionThatIsNowhere) {
  begin_run();
  AggregateRecord record = null_round(0);
  record.accepted = {{static_cast<uint32_t>(plan_.validators), blake2b_256(as_bytes("lost")), 10}};
  decide(0, record);
  EXPECT_TRUE(fails(truth_.follow(), ErrorKind::kFatal, "nobody has the contribution"));
}

TEST_F(Truth, SkipsATermThatBeginsWithAWrongModel) {
  begin_run();
  decide(0, null_round(0));
  ASSERT_TRUE(truth_.follow());
  begin_term(1,
             {.number = 1, .previous = 0, .first_window = 1, .state_root = blake2b_256(as_bytes("wrong"))});
  ASSERT_EQ(truth_.chain().value().size(), 1u);
  begin_term(1, {.number = 2, .previous = 0, .first_window = 1, .state_root = first_root_});
  decide(1, null_round(1), 2);
  ASSERT_TRUE(truth_.follow());
  EXPECT_EQ(truth_.next_window(), 2);
  EXPECT_TRUE(truth_.check_kept());
}

TEST_F(Truth, NoticesThatWhatWasSettledCountsNoMore) {
  begin_run();
  decide(0, null_round(0));
  decide(0, null_round(1));
  ASSERT_TRUE(truth_.follow());
  ASSERT_TRUE(ledger_.owner().end_term(0, 0));
  EXPECT_TRUE(fails(truth_.check_kept(), ErrorKind::kFatal, "window 1 was decided in term 0, which now"));
}

}  // namespace
}  // namespace templar::testing
