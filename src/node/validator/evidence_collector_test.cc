#include "node/validator/evidence_collector.h"

#include <gtest/gtest.h>

#include <map>

#include "support/engine_values.h"
#include "support/hooked_store.h"
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
    GatherRequest request = world_.request(0, peers);
    request.older_roots = older_roots_;
    const auto gathered = gather(world_.environment, request);
    EXPECT_TRUE(gathered.has_value());
    const WindowDraw draw = draw_window(world_.environment, world_.ports.key(kLeader), request, scoreboard_);
    const auto evidence =
        collect_evidence(environment_, replica_, meter_,
                         {.gather = request, .gathered = *gathered, .draw = draw, .scoreboard = scoreboard_});
    EXPECT_TRUE(evidence.has_value());
    EXPECT_EQ(evidence->window, 0);
    overlaps_ = evidence->overlaps;
    for (const MinerActivity& miner : evidence->activity)
      EXPECT_TRUE(active_.emplace(miner.uid, miner.is_active).second) << "twice: uid " << miner.uid;
    std::map<uint32_t, MinerEvidence> by_uid;
    for (const MinerEvidence& miner : evidence->miners) {
      EXPECT_TRUE(by_uid.emplace(miner.uid, miner).second) << "twice: uid " << miner.uid;
    }
    return by_uid;
  }
  void publish(std::initializer_list<uint32_t> uids) { world_.ports.publish_contributions(uids, 0); }

  // The scoreboard has seen these miners.
  void know(std::initializer_list<uint32_t> uids) {
    for (const uint32_t uid : uids) scoreboard_.miners[uid] = {.uid = uid, .key = test_key(uid).public_key()};
  }

  TestWorld world_;
  StoreHooks hooks_;  // of what the collector asks, after the gather
  HookedStore store_{world_.ports.store, hooks_};
  const NodeEnvironment environment_ = environment_of(world_.ports, {.store = &store_});
  std::unique_ptr<Engine> engine_ = make_node_engine(world_.spec());
  Replica replica_{world_.environment, *engine_, 1};
  StartCopy start_copy_{world_.environment.layout};
  LossMeter meter_{world_.environment, start_copy_};
  Scoreboard scoreboard_;
  std::vector<Hash256> older_roots_;  // that the replica would have had
  // Of the evidence that was collected last.
  std::vector<IndexOverlap> overlaps_;
  std::map<uint32_t, bool> active_;
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

TEST_F(EvidenceCollector, KnowsWhenAcceptedContributionsWereStored) {
  publish({1});
  world_.ports.make_block();
  publish({2, 4});
  const auto evidence = collect({{1, 2, 3}, {}});
  const int64_t block_ms = world_.spec().network.block_seconds * 1000;
  EXPECT_EQ(evidence.at(1).stored_at_ms, 0);
  EXPECT_EQ(evidence.at(2).stored_at_ms, block_ms);
  EXPECT_EQ(evidence.at(4).stored_at_ms, block_ms) << "drawn outside the gather";
  EXPECT_FALSE(evidence.at(3).stored_at_ms);
}

// Miner 2 has missed two outer steps, 5 (outside the gather) as well, and 3 starts from a model that the run
// never had.
TEST_F(EvidenceCollector, SaysHowFarBehindAContributionFromAnOlderModelIsAndMeasuresIt) {
  ParameterBuffers old(world_.layout());
  ParameterBuffers unknown(world_.layout());
  unknown.data()[0] = 1;
  older_roots_ = {Hash256{},
                  compute_state_root(world_.layout(), std::as_const(old).spans(), replica_.team())};
  publish({1});
  world_.ports.publish_contributions({2, 5}, 0, std::as_const(old).spans());
  world_.ports.publish_contribution(3, 0, std::as_const(unknown).spans());
  const auto evidence = collect({{1, 2, 3}, {}});
  for (const uint32_t uid : {2u, 5u}) {
    const MinerEvidence& behind = evidence.at(uid);
    EXPECT_EQ(behind.verdict.code, VerdictCode::kInvalid) << "it is not gathered";
    EXPECT_NE(behind.verdict.reason.find("2 outer steps behind"), std::string::npos) << behind.verdict.reason;
    EXPECT_EQ(behind.steps_behind, 2);
    EXPECT_TRUE(behind.is_stale());
    EXPECT_TRUE(behind.evaluation);
    EXPECT_EQ(behind.stored_at_ms, 0);
  }
  EXPECT_FALSE(evidence.at(3).steps_behind);
  EXPECT_FALSE(evidence.at(3).is_stale());
  EXPECT_FALSE(evidence.at(3).evaluation);
  EXPECT_FALSE(evidence.at(1).is_stale());
}

TEST_F(EvidenceCollector, DoesNotTakeAnOlderRootAloneForAContribution) {
  ParameterBuffers old(world_.layout());
  older_roots_ = {compute_state_root(world_.layout(), std::as_const(old).spans(), replica_.team())};
  publish({1});
  const Bytes of_another = world_.ports.sealed_contribution(4, 0, std::as_const(old).spans());
  world_.ports.put(2, contribution_key(0), of_another);
  world_.ports.put(3, contribution_key(0), ByteView(of_another).first(of_another.size() / 2));
  const auto evidence = collect({{1, 2, 3}, {}});
  EXPECT_FALSE(evidence.at(2).is_stale()) << "it is miner 4's";
  EXPECT_FALSE(evidence.at(3).is_stale()) << "it is cut short";
}

TEST_F(EvidenceCollector, ComparesNoContributionsInTheFirstOuterSteps) {
  publish({1, 2, 3});
  static_cast<void>(collect({{1, 2, 3}, {}}));
  EXPECT_TRUE(overlaps_.empty());
}

RunSpec comparing_spec() {
  RunSpec spec = node_run_spec();
  spec.scoring.penalties.overlap_first_outer_step = 0;
  return spec;
}

class EvidenceOfOverlap : public EvidenceCollector {
 protected:
  EvidenceOfOverlap() : EvidenceCollector(comparing_spec()) {}
};

TEST_F(EvidenceOfOverlap, ComparesAllPairsAlsoWithThoseOutsideTheGather) {
  publish({1, 2, 4});
  static_cast<void>(collect({{1, 2, 3}, {}}));
  ASSERT_EQ(overlaps_.size(), 3u);
  EXPECT_EQ(overlaps_[0].one, 1u);
  EXPECT_EQ(overlaps_[0].other, 2u);
  EXPECT_EQ(overlaps_[2].one, 2u);
  EXPECT_EQ(overlaps_[2].other, 4u);
  for (const IndexOverlap& pair : overlaps_) EXPECT_LT(pair.share, 0.3) << pair.one << " " << pair.other;
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

// Whoever is drawn is in the evidence itself; the others that the scoreboard knows are looked at.
TEST_F(EvidenceOfOneDrawn, LooksAtTheScoreboardsOtherMiners) {
  know({1, 2, 3, 4, 5});
  publish({1, 4});
  ASSERT_TRUE(world_.ports.owner().set_standing(world_.ports.public_key(5), {.is_removed = true}));
  const auto evidence = collect({{1}, {}});
  EXPECT_EQ(evidence.size() + active_.size(), 5u);
  for (const auto& [uid, is_active] : active_) {
    EXPECT_FALSE(evidence.contains(uid)) << uid;
    EXPECT_EQ(is_active, uid == 4) << uid;
  }
  EXPECT_TRUE(active_.contains(5)) << "who was removed is not active, whatever its store says";
}

TEST_F(EvidenceOfOneDrawn, LooksAtNobodyThatTheScoreboardDoesNotKnow) {
  know({2});
  publish({1, 2, 3, 4, 5});
  static_cast<void>(collect({{1}, {}}));
  for (const auto& [uid, is_active] : active_) EXPECT_EQ(uid, 2u);
}

TEST_F(EvidenceOfOneDrawn, TakesOneThatCameTooLateForInactive) {
  know({1, 2, 3, 4, 5});
  publish({1, 2, 3});
  world_.ports.close_window(0);
  publish({4, 5});
  const auto evidence = collect({{1}, {}});
  for (const auto& [uid, is_active] : active_) EXPECT_EQ(is_active, uid < 4) << "uid " << uid << ": too late";
}

TEST_F(EvidenceOfOneDrawn, TakesNobodyForInactiveWhereNoStoreAnswers) {
  know({1, 2, 3, 4, 5});
  publish({1});
  hooks_.before = [](std::string_view call, std::string_view, uint64_t) -> Status {
    if (call == "head") return retry_error("the line is down");
    return {};
  };
  const auto evidence = collect({{1}, {}});
  EXPECT_TRUE(active_.empty());
  EXPECT_FALSE(evidence.at(1).stored_at_ms);
}

}  // namespace
}  // namespace templar::testing
