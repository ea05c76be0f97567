// The rules together, over several windows.
#include "core/scoring/rules/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "support/metagraph.h"
#include "support/run_specs.h"
#include "support/test_key.h"

namespace templar::testing {
namespace {

using enum VerdictCode;

// Five miners, 1 to 5, who do their part in each window but where a test says otherwise, each the best in
// turn.
class RulesOverWindows : public ::testing::Test {
 protected:
  RulesOverWindows() { run(kCleanWindows); }

  // A miner that does its part in the window that is judged next.
  [[nodiscard]] MinerEvidence honest(uint32_t uid) const {
    const double gain = 0.02 + 0.001 * static_cast<double>((board_.window + uid) % 5);
    return with_gain({.uid = uid,
                      .key = test_key(uid).public_key(),
                      .verdict = {},
                      .steps_behind = 0,
                      .possession_proof_fits = true,
                      .stored_at_ms = 1000 * uid},
                     gain);
  }
  static MinerEvidence with_gain(MinerEvidence miner, double gain) {
    miner.evaluation =
        Evaluation{.own = {4.0, 4.0 * (1 - gain - 0.01)}, .unassigned = {4.0, 4.0 * (1 - gain)}};
    return miner;
  }
  static MinerEvidence missing(uint32_t uid) {
    return {.uid = uid, .key = test_key(uid).public_key(), .verdict = {kMissing, "nothing stored"}};
  }
  // One window, in which the given miners are as told and the others honest.
  void judge(const std::vector<MinerEvidence>& told, std::vector<IndexOverlap> overlaps = {},
             std::vector<MinerActivity> activity = {}) {
    Evidence evidence{.window = board_.window + 1,
                      .outer_step = board_.window + 1,
                      .miners = told,
                      .activity = std::move(activity),
                      .overlaps = std::move(overlaps)};
    std::set<uint32_t> spoken_of;
    for (const MinerEvidence& miner : told) spoken_of.insert(miner.uid);
    for (const MinerActivity& miner : evidence.activity) spoken_of.insert(miner.uid);
    for (uint32_t uid = 1; uid <= 5; ++uid) {
      if (!spoken_of.contains(uid)) evidence.miners.push_back(honest(uid));
    }
    result_ = advance_scoreboard(board_, evidence, spec_);
    board_ = result_.scoreboard;
  }
  void run(int64_t windows) {
    for (int64_t i = 0; i < windows; ++i) judge({});
  }
  [[nodiscard]] const MinerScore& score(uint32_t uid) const { return board_.miners.at(uid); }
  [[nodiscard]] bool is_excluded(uint32_t uid) const {
    return std::ranges::find(result_.candidates, uid, &PeerCandidate::uid)->excluded;
  }
  [[nodiscard]] double weight(uint32_t uid) const {
    const auto found = result_.weights.find(uid);
    return found == result_.weights.end() ? 0 : found->second;
  }

  static constexpr int64_t kCleanWindows = 30;
  const RunSpec spec_ = scoring_run_spec();
  Scoreboard board_;
  AdvanceResult result_;
};

TEST_F(RulesOverWindows, LeaveMinersAloneThatDoTheirPart) {
  run(30);
  for (uint32_t uid = 1; uid <= 5; ++uid) {
    EXPECT_GT(weight(uid), 0) << uid;
    EXPECT_FALSE(is_excluded(uid)) << uid;
  }
  EXPECT_TRUE(std::ranges::none_of(result_.changes, [](const ScoreChange& change) {
    return reason_kind(change.reason) != ReasonKind::kStep;
  }));
}

// The factor is taken once in the window itself, and what it took of the average stays for the next.
TEST_F(RulesOverWindows, LetAMissingContributionCostMoreThanItsWindow) {
  const double average = score(1).binary_average;
  judge({missing(1)});
  EXPECT_DOUBLE_EQ(score(1).binary_average, 0.75 * average);
  EXPECT_NEAR(score(1).final_score, score(1).rating.ordinal() * 0.75 * average, 1e-12);
  judge({missing(1)});
  EXPECT_DOUBLE_EQ(score(1).binary_average, 0.5 * 0.75 * average);
  judge({missing(1)});
  EXPECT_EQ(score(1).binary_average, 0);
  EXPECT_EQ(weight(1), 0);
  judge({});
  EXPECT_DOUBLE_EQ(score(1).binary_average, 0.05) << "back, and at its beginning";
  EXPECT_EQ(weight(1), 0);
  run(30);
  EXPECT_GT(weight(1), 0);
}

TEST_F(RulesOverWindows, ResetAndExcludeWhoIsMissingInHalfOfTheWindowsForTwenty) {
  for (int i = 0; i < 3; ++i) {
    judge({missing(1)});
    judge({});
  }
  EXPECT_FALSE(is_excluded(1));
  judge({missing(1)});
  ASSERT_TRUE(is_excluded(1)) << "four of the last eight";
  EXPECT_EQ(score(1).rating, Rating{});
  EXPECT_TRUE(score(1).gathers.empty());
  const int64_t since = board_.window;
  while (board_.window < since + 20) {
    judge({});
    EXPECT_TRUE(is_excluded(1)) << board_.window;
    EXPECT_EQ(weight(1), 0) << board_.window;
  }
  EXPECT_GT(score(1).rating.ordinal(), 0) << "measured all the while";
  judge({});
  EXPECT_FALSE(is_excluded(1));
  EXPECT_GT(weight(1), 0);
}

// A night in which nothing arrives costs nobody his place, nor counts on the day after.
TEST_F(RulesOverWindows, ForgetAnOutageOfAll) {
  const double average = score(1).binary_average;
  for (int i = 0; i < 10; ++i) judge({missing(1), missing(2), missing(3), missing(4), missing(5)});
  for (uint32_t uid = 1; uid <= 5; ++uid) EXPECT_FALSE(is_excluded(uid)) << uid;
  EXPECT_EQ(score(1).binary_average, average);
  judge({missing(1)});
  EXPECT_FALSE(is_excluded(1));
  EXPECT_DOUBLE_EQ(score(1).binary_average, 0.75 * average) << "the first one in a row";
}

TEST_F(RulesOverWindows, KeepALoserOutUntilItGainsAgain) {
  const auto loser = with_gain(honest(1), -0.01);
  judge({loser});
  judge({loser});
  EXPECT_FALSE(is_excluded(1));
  judge({loser});
  EXPECT_TRUE(is_excluded(1));
  EXPECT_EQ(weight(1), 0);
  MinerEvidence unmeasured = honest(1);
  unmeasured.evaluation.reset();
  unmeasured.gathered = false;
  for (int i = 0; i < 30; ++i) judge({unmeasured});
  EXPECT_TRUE(is_excluded(1)) << "time alone does not bring it back";
  judge({with_gain(honest(1), 0.01)});
  EXPECT_FALSE(is_excluded(1));
  run(20);
  EXPECT_GT(weight(1), 0);
}

TEST_F(RulesOverWindows, QuarterWhoLosesMoreOftenThanNot) {
  const auto loser = with_gain(honest(1), -0.01);
  const auto winner = with_gain(honest(1), 0.01);
  for (const auto& miner : {loser, loser, winner, loser, loser, winner, loser}) judge({miner});
  const double average = score(1).binary_average;
  judge({winner});
  EXPECT_NEAR(score(1).binary_average, 0.25 * (0.95 * average + 0.05), 1e-12);
}

TEST_F(RulesOverWindows, WaiveLossesInWindowsThatAreBadForAll) {
  std::vector<MinerEvidence> all;
  for (uint32_t uid = 1; uid <= 5; ++uid) all.push_back(with_gain(honest(uid), -0.01 - 0.001 * uid));
  for (int i = 0; i < 10; ++i) judge(all);
  for (uint32_t uid = 1; uid <= 5; ++uid) {
    EXPECT_FALSE(is_excluded(uid));
    EXPECT_GT(score(uid).binary_average, 0.3) << uid;
  }
  // The first good window punishes who is still bad.
  judge({all[0]});
  EXPECT_TRUE(is_excluded(1));
  EXPECT_FALSE(is_excluded(2));
}

TEST_F(RulesOverWindows, LetAnInactiveMinersScoreDecayAndResetIt) {
  const double before = score(1).final_score;
  for (int i = 1; i <= 3; ++i) {
    judge({}, {}, {{1, false}});
    EXPECT_DOUBLE_EQ(score(1).final_score, before * std::pow(0.75, i));
  }
  judge({}, {}, {{1, false}});
  EXPECT_EQ(score(1).final_score, 0);
  EXPECT_EQ(score(1).rating, Rating{});
  EXPECT_EQ(score(1).binary_average, 0);
  run(10);
  EXPECT_GT(score(1).final_score, 0) << "it may earn again";
}

TEST_F(RulesOverWindows, LeaveWhoIsActiveButNotAskedForAsItIs) {
  const MinerScore before = score(1);
  for (int i = 0; i < 20; ++i) judge({}, {}, {{1, true}});
  EXPECT_EQ(score(1), before);
}

TEST_F(RulesOverWindows, PunishACopierAndNotWhomItCopied) {
  judge({}, {{1, 2, 1.0}});
  EXPECT_TRUE(is_excluded(2));
  EXPECT_EQ(score(2).rating, Rating{});
  EXPECT_EQ(score(2).final_score, 0);
  EXPECT_FALSE(is_excluded(1));
  EXPECT_GT(weight(1), 0);
  run(20);
  EXPECT_TRUE(is_excluded(2));
  judge({});
  EXPECT_FALSE(is_excluded(2));
}

TEST_F(RulesOverWindows, LetAnExclusionOutliveAReset) {
  judge({}, {{1, 2, 1.0}});
  judge({}, {{1, 2, 0.55}});
  EXPECT_TRUE(is_excluded(2));
  EXPECT_EQ(score(2).excluded_before, board_.window + 20) << "as the first one said";
}

TEST_F(RulesOverWindows, TakeAUidWithAnotherKeyForANewMiner) {
  judge({}, {{1, 2, 1.0}});
  ASSERT_TRUE(is_excluded(2));
  MinerEvidence heir = honest(2);
  heir.key = test_key(77).public_key();
  judge({heir});
  EXPECT_FALSE(is_excluded(2)) << "it does not answer for the one before";
  EXPECT_EQ(score(2).first_window, board_.window);
}

TEST_F(RulesOverWindows, NeverRaiseABinaryAverageBelowZero) {
  for (int i = 0; i < 40; ++i) {
    MinerEvidence bad = honest(5);
    std::swap(bad.evaluation->own, bad.evaluation->unassigned);
    judge({bad});
  }
  const double average = score(5).binary_average;
  ASSERT_LT(average, 0);
  judge({missing(5)});
  EXPECT_EQ(score(5).binary_average, average);
}

// 250 miners of whom 100 have incentive and are active; in each window the gather asks those 20 that have the
// most weight and are not excluded, and half of the others are looked at.
TEST(RulesOfManyMiners, LeaveTheWeightToThoseThatAreActive) {
  const RunSpec spec = scoring_run_spec();
  const Metagraph metagraph = make_metagraph();
  const std::vector<uint32_t> active = choose_active(metagraph, 100);
  Scoreboard board = make_scoreboard(metagraph, metagraph.uids(), 30, spec);
  AdvanceResult result;
  for (int64_t window = 31; window < 45; ++window) {
    Evidence evidence{.window = window, .outer_step = window, .miners = {}};
    const PeerSelection peers = select_peers(result.candidates, spec.network);
    for (const uint32_t uid : metagraph.uids()) {
      const bool is_active = std::ranges::binary_search(active, uid);
      const bool is_peer = std::ranges::find(peers.gather, uid) != peers.gather.end();
      if (!is_peer) {
        evidence.activity.push_back({uid, is_active});
        continue;
      }
      MinerEvidence miner = {.uid = uid, .key = test_key(uid).public_key()};
      if (is_active) {
        miner.verdict = {};
        miner.steps_behind = 0;
        miner.possession_proof_fits = true;
      }
      evidence.miners.push_back(miner);
    }
    result = advance_scoreboard(board, evidence, spec);
    board = result.scoreboard;
  }
  for (const uint32_t uid : metagraph.uids()) {
    if (!std::ranges::binary_search(active, uid)) {
      EXPECT_EQ(board.miners.at(uid).final_score, 0) << uid;
      EXPECT_FALSE(result.weights.contains(uid)) << uid;
    }
  }
  double sum = 0;
  for (const auto& [uid, weight] : result.weights) sum += weight;
  EXPECT_NEAR(sum, 1, 1e-12);
  EXPECT_EQ(result.weights.size(), 30u) << "20 gathered, 10 in reserve";
}

}  // namespace
}  // namespace templar::testing
