#include "node/validator/evidence_collector.h"

#include <gtest/gtest.h>

#include <map>

#include "support/engine_values.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

// Miners 1 to 5, of whom 1 to 3 are gather peers; the window is the first of the run.
class EvidenceCollector : public ::testing::Test {
 protected:
  explicit EvidenceCollector(RunSpec spec = node_run_spec()) : world_({.miners = 5, .spec = spec}) {
    EXPECT_TRUE(replica_.begin_initial(0));
  }
  [[nodiscard]] std::map<uint32_t, MinerEvidence> collect(const PeerSelection& peers) {
    world_.ports.close_window(0);
    const GatherRequest request = world_.request(0, peers);
    const auto gathered = gather(world_.environment, request);
    EXPECT_TRUE(gathered.has_value());
    const auto evidence = collect_evidence(world_.environment, replica_, meter_,
                                           {.gather = request,
                                            .gathered = *gathered,
                                            .scoreboard = scoreboard_,
                                            .sampling_key = as_bytes("key")});
    EXPECT_TRUE(evidence.has_value());
    EXPECT_EQ(evidence->window, 0);
    std::map<uint32_t, MinerEvidence> by_uid;
    for (const MinerEvidence& miner : evidence->miners) {
      EXPECT_TRUE(by_uid.emplace(miner.uid, miner).second) << "twice: uid " << miner.uid;
    }
    return by_uid;
  }
  void publish(std::initializer_list<uint32_t> uids) { world_.ports.publish_contributions(uids, 0); }

  TestWorld world_;
  std::unique_ptr<Engine> engine_ = make_node_engine(world_.spec());
  Replica replica_{world_.environment, *engine_, 1};
  StartCopy start_copy_{world_.environment.layout};
  LossMeter meter_{world_.environment, start_copy_};
  Scoreboard scoreboard_;
};

TEST_F(EvidenceCollector, TellsOfEveryMinerOfTheGatherAndOfThoseDrawnOutsideIt) {
  publish({1, 2, 4});
  const auto evidence = collect({{1, 2, 3}, {}});
  ASSERT_EQ(evidence.size(), 5u) << "a new miner outside the gather must be seen";
  for (const uint32_t uid : {1u, 2u, 4u}) {
    const MinerEvidence& miner = evidence.at(uid);
    EXPECT_TRUE(miner.verdict.accepted()) << uid;
    EXPECT_TRUE(miner.evaluation) << uid;
    EXPECT_EQ(miner.steps_behind, 0) << uid;
    EXPECT_TRUE(miner.possession_proof_fits) << uid;
    EXPECT_EQ(miner.key, world_.ports.public_key(uid));
  }
  for (const uint32_t uid : {3u, 5u}) {
    const MinerEvidence& miner = evidence.at(uid);
    EXPECT_EQ(miner.verdict.code, VerdictCode::kMissing) << uid;
    EXPECT_FALSE(miner.evaluation) << uid;
    EXPECT_FALSE(miner.steps_behind) << uid;
    EXPECT_FALSE(miner.possession_proof_fits) << uid;
  }
}

TEST_F(EvidenceCollector, KnowsWhomTheGatherAskedFor) {
  publish({1, 2, 4});
  const auto evidence = collect({{1, 2, 3}, {}});
  for (const uint32_t uid : {1u, 2u, 3u}) EXPECT_TRUE(evidence.at(uid).gathered) << uid;
  for (const uint32_t uid : {4u, 5u}) EXPECT_FALSE(evidence.at(uid).gathered) << uid;
}

TEST_F(EvidenceCollector, LeavesTheModelAlone) {
  publish({1, 2, 3, 4, 5});
  static_cast<void>(collect({{1, 2, 3}, {}}));
  EXPECT_EQ(compute_state_root(world_.layout(), parameters_of(*engine_), replica_.team()),
            world_.ports.initial_root());
}

TEST_F(EvidenceCollector, HasAReasonForEveryRejectedOne) {
  publish({1});
  world_.ports.put(2, contribution_key(0), as_bytes("rubbish"));
  world_.ports.put(5, contribution_key(0), as_bytes("rubbish"));
  const auto evidence = collect({{1, 2, 3}, {}});
  for (const uint32_t uid : {2u, 5u}) {
    EXPECT_EQ(evidence.at(uid).verdict.code, VerdictCode::kInvalid) << uid;
    EXPECT_FALSE(evidence.at(uid).verdict.reason.empty()) << uid;
  }
}

RunSpec one_evaluation_spec() {
  RunSpec spec = node_run_spec();
  spec.scoring.uids_per_window = 1;
  return spec;
}

class EvidenceOfOneDrawn : public EvidenceCollector {
 protected:
  EvidenceOfOneDrawn() : EvidenceCollector(one_evaluation_spec()) {}
};

TEST_F(EvidenceOfOneDrawn, MeasuresOnlyTheOneThatWasDrawn) {
  publish({1, 2, 3, 4, 5});
  const auto evidence = collect({{1, 2, 3, 4, 5}, {}});
  ASSERT_EQ(evidence.size(), 5u);
  int measured = 0;
  for (const auto& [uid, miner] : evidence) {
    EXPECT_TRUE(miner.verdict.accepted());
    measured += miner.evaluation.has_value();
  }
  EXPECT_EQ(measured, 1);
}

}  // namespace
}  // namespace templar::testing
