#include "sim/faults/network_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/decided_run.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class NoMeasurements final : public MetricsSink {
 public:
  void write(Measurement) override {}
  void flush() override {}
  [[nodiscard]] uint64_t dropped() const override { return 0; }
};

// A seed in which a leader is missed after two windows or more.
uint64_t patient_seed() {
  uint64_t seed = 1;
  while (plan_faults(seed).spec.network.leader_loss_windows < 2) ++seed;
  return seed;
}

// Nobody lives, so that nobody is expected to be in sync; what is decided is decided by hand.
class Rules : public ::testing::Test, protected DecidedRun {
 protected:
  Rules() : DecidedRun(patient_seed()) {
    for (const NodeIdentity& node : nodes) {
      hosts_.push_back(std::make_unique<NodeHost>(surroundings_, node));
      hosts_.back()->kill(false, std::nullopt);
    }
    begin();
  }
  // All that a run has to have for its windows up to that one.
  void decide_up_to(int64_t end) {
    for (; decided_ < end; ++decided_) decide(0, null_round(decided_));
    ASSERT_TRUE(store.put(nodes[0].bucket, checkpoint_prefix(end - 1) + "manifest.json", as_bytes("{}")));
  }
  [[nodiscard]] int64_t recovered() const { return kCalmFrom + plan.windows_to_recover(); }

  static constexpr int64_t kCalmFrom = 3;
  const TemporaryFolder folder_;
  FaultLog log_{events, {}};
  NoMeasurements metrics_;
  const std::unique_ptr<ShardSource> shards_ =
      *make_memory_shard_source(random_shard_content(1, 1, 48, 6, 8));
  HostSurroundings surroundings_{.plan = plan,
                                 .events = events,
                                 .log = log_,
                                 .store = store,
                                 .stamps = stamps,
                                 .ledger = ledger,
                                 .shards = *shards_,
                                 .metrics = metrics_,
                                 .folder = folder_.path(),
                                 .next_block_ms = {},
                                 .on_step = {},
                                 .on_put = {},
                                 .on_fatal = {},
                                 .on_thrown = {}};
  NodeHosts hosts_;
  NetworkRules rules_{plan, hosts_, truth, store, damaged, log_};
  int64_t decided_ = 0;
};

TEST_F(Rules, WantWindowsDecidedOnceNothingFailsAnyMore) {
  rules_.begin_calm(kCalmFrom);
  decide_up_to(2);
  rules_.check_block(recovered() - 1);
  EXPECT_THAT(rules_.failures(), IsEmpty()) << "it may take so long to recover";
  rules_.check_block(recovered());
  EXPECT_THAT(rules_.failures(), ElementsAre(HasSubstr("window 2 is not decided")));
}

TEST_F(Rules, WantALeaderThatIsWellToLeadOn) {
  rules_.begin_calm(kCalmFrom);
  const int64_t taken_over = recovered() + 2;
  decide_up_to(taken_over);
  rules_.check_block(taken_over);
  begin_term(1, {.number = 1, .previous = 0, .first_window = taken_over, .state_root = first_root});
  decide(1, null_round(taken_over), 1);
  rules_.check_block(taken_over + 1);
  EXPECT_THAT(rules_.failures(),
              ::testing::Contains(HasSubstr(fmt::format("validator 1 leads window {} after validator 0, "
                                                        "which is well",
                                                        taken_over))));
}

TEST_F(Rules, LetAnotherLeadWhileItMayTakeLongToRecover) {
  rules_.begin_calm(kCalmFrom);
  decide_up_to(kCalmFrom + 1);
  begin_term(1, {.number = 1, .previous = 0, .first_window = decided_, .state_root = first_root});
  for (; decided_ <= recovered(); ++decided_) decide(1, null_round(decided_), 1);
  rules_.check_block(recovered());
  EXPECT_THAT(rules_.failures(), ::testing::Not(::testing::Contains(HasSubstr("leads window"))));
}

TEST_F(Rules, WantAContributionWrittenOnce) {
  const NodeHost& miner = *hosts_[plan.validators];
  const std::string key = contribution_key(4);
  rules_.check_put(miner, key, as_bytes("first"));
  ASSERT_TRUE(store.put(miner.identity().bucket, key, as_bytes("first")));
  rules_.check_put(miner, key, as_bytes("first"));
  EXPECT_THAT(rules_.failures(), IsEmpty());
  rules_.check_put(miner, key, as_bytes("second"));
  EXPECT_THAT(rules_.failures(), ElementsAre(HasSubstr("replaces its " + key)));
}

TEST_F(Rules, WantNoKeyBeforeItsWindowIsOver) {
  const NodeHost& miner = *hosts_[plan.validators];
  decide_up_to(2);
  rules_.check_put(miner, upload_key_key(0), as_bytes("key"));
  EXPECT_THAT(rules_.failures(), IsEmpty());
  rules_.check_put(miner, upload_key_key(100), as_bytes("key"));
  EXPECT_THAT(rules_.failures(), ElementsAre(HasSubstr("publishes its key of window 100 too early")));
}

TEST_F(Rules, NoticeASecondDecisionOfAWindow) {
  decide_up_to(2);
  rules_.check_block(2);
  EXPECT_THAT(rules_.failures(), IsEmpty());
  AggregateRecord other = null_round(1);
  other.rejected.push_back({7, {VerdictCode::kMissing, "not there"}});
  const Bytes sealed = seal_ledger_entry(
      {.run_id = run_id(plan.spec),
       .author = {},
       .content = DecisionEntry{.window = 1, .record = seal_aggregate_record(other, nodes[0].key)}},
      nodes[0].key);
  ASSERT_TRUE(ledger.board().write("decisions/0000000001/0000000000", sealed, {}).value());
  rules_.check_block(2);
  EXPECT_THAT(rules_.failures(), ElementsAre(HasSubstr("decision of window 1 has changed")));
}

}  // namespace
}  // namespace templar::testing
