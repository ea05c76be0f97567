#include "node/window/alarms.h"

#include <gtest/gtest.h>

#include "support/captured_logs.h"
#include "support/measurement_forms.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

class AlarmsTest : public ::testing::Test {
 protected:
  // "falls 7", and "falls 7 ended".
  [[nodiscard]] std::vector<std::string> said() const {
    std::vector<std::string> all;
    for (const Measurement& measurement : world_.ports.metrics.named("network_alarm")) {
      EXPECT_EQ(misfits_of(measurement), "");
      all.push_back(measurement.tags.at("kind") + " " +
                    std::to_string(std::get<int64_t>(measurement.fields.at("window"))));
      if (std::get<int64_t>(measurement.fields.at("stands")) == 0) all.back() += " ended";
    }
    return all;
  }

  const CapturedLogs logs_;
  TestWorld world_{{.miners = 1, .validators = 2}};
  Alarms alarms_{world_.environment, {name_of(NodeRole::kMiner), 0}};
};

using Said = std::vector<std::string>;

TEST_F(AlarmsTest, AreSaidOnceWithTheirCauseAndOnceMoreAtTheirEnd) {
  alarms_.speak_as(2);
  for (int i = 0; i < 2; ++i) alarms_.raise({AlarmKind::kFalls, 7, "the ledger has nothing of window 7"});
  alarms_.raise({AlarmKind::kFalls, 8, "nor of window 8"});
  EXPECT_EQ(said(), (Said{"falls 7", "falls 7"})) << "it has stood since window 7";
  EXPECT_EQ(logs_.count("alarm: falls"), 2u);
  const Measurement first = world_.ports.metrics.named("network_alarm").front();
  EXPECT_EQ(first.tags.at("uid"), "2");
  EXPECT_EQ(std::get<std::string>(first.fields.at("reason")), "the ledger has nothing of window 7");
  for (int i = 0; i < 2; ++i) alarms_.settle(AlarmKind::kFalls);
  EXPECT_EQ(said().back(), "falls 7 ended");
  EXPECT_EQ(logs_.count("alarm has ended: falls"), 1u);
  alarms_.raise({AlarmKind::kFalls, 9, "once more"});
  EXPECT_EQ(said(), (Said{"falls 7", "falls 7", "falls 7 ended", "falls 9"}))
      << "what comes after all was well is said anew";
}

TEST_F(AlarmsTest, SayNothingOfTheEndOfWhatNeverStood) {
  for (const AlarmForm& form : kAlarmForms) alarms_.settle(form.kind);
  EXPECT_EQ(said(), Said{});
}

TEST_F(AlarmsTest, AreRaisedAtTheThirdNullRoundInARowAndEndWithTheNextOuterStep) {
  const std::vector<bool> is_null = {true, true, false, true, true, true, true, false, true, true, true};
  for (size_t i = 0; i < is_null.size(); ++i) alarms_.close_window(static_cast<int64_t>(i), is_null[i]);
  EXPECT_EQ(said(), (Said{"null_rounds 3", "null_rounds 3 ended", "null_rounds 8"}));
}

TEST_F(AlarmsTest, ThatNobodyDecidesEndWithTheWindowItself) {
  alarms_.raise({AlarmKind::kNobodyLeads, 5, "nobody decides"});
  alarms_.close_window(4, false);
  EXPECT_EQ(said(), Said{"nobody_leads 5"}) << "a window before it was decided long ago";
  alarms_.close_window(5, false);
  EXPECT_EQ(said().back(), "nobody_leads 5 ended");
}

TEST_F(AlarmsTest, AreRaisedAtTheThirdContributionInARowThatIsNotAccepted) {
  for (const int64_t window : {1, 2}) alarms_.judge_own(window, "too_late");
  alarms_.judge_own(3, "");
  EXPECT_EQ(said(), Said{});
  for (const int64_t window : {4, 5, 6, 7}) alarms_.judge_own(window, "missing: nothing stored");
  EXPECT_EQ(said(), Said{"excluded 4"});
  EXPECT_EQ(logs_.field("alarm: excluded", "reason"),
            "3 contributions in a row were not accepted, the last one: missing: nothing stored");
  alarms_.judge_own(8, "");
  EXPECT_EQ(said().back(), "excluded 4 ended");
}

// Whoever speaks for the node after a restart has said nothing yet, and knows what stood.
TEST_F(AlarmsTest, EndThoughAnotherSpeakerHasRaisedThem) {
  alarms_.raise({AlarmKind::kNullRounds, 3, "no outer step"});
  Alarms later{world_.environment, {name_of(NodeRole::kMiner), 0}};
  later.raise({AlarmKind::kNullRounds, 6, "no outer step still"});
  later.close_window(9, false);
  EXPECT_EQ(said(), (Said{"null_rounds 3", "null_rounds 3", "null_rounds 3 ended"}));
}

TEST_F(AlarmsTest, NameWhoShouldDecideAndWhoIsNext) {
  const std::vector<Term> chain = world_.ports.ledger.terms().value();
  const auto roster = world_.ports.roster();
  TakeoverView view{.chain = chain,
                    .heartbeats = {},
                    .roster = roster,
                    .latest_block = 30,
                    .undecided_window = 4,
                    .newest_closed_window = 4};
  const NetworkSpec& network = world_.spec().network;
  EXPECT_EQ(nobody_leads(view, network), std::nullopt) << "one window may be being decided";
  view.newest_closed_window = 5;
  const auto alarm = nobody_leads(view, network);
  ASSERT_TRUE(alarm);
  EXPECT_EQ(alarm->window, 4);
  EXPECT_EQ(alarm->reason,
            "2 closed windows are undecided, from 4 on; validator 0 should decide them, who leads term 0; "
            "nobody else has stake and is alive");
  const std::vector<Heartbeat> alive = {{.uid = kFollower, .block = 25, .window = 4}};
  view.heartbeats = alive;
  EXPECT_TRUE(nobody_leads(view, network)->reason.ends_with("; validator 1 is next"));
  view.chain = {};
  EXPECT_EQ(nobody_leads(view, network), std::nullopt) << "the run has not begun";
}

TEST_F(AlarmsTest, NameTwoValidatorsThatAreApart) {
  const Heartbeat leader{.uid = kLeader, .window = 3, .state_root = world_.ports.initial_root()};
  Heartbeat follower{.uid = kFollower, .window = 3, .state_root = world_.ports.initial_root()};
  EXPECT_EQ(validators_apart(std::vector{leader, follower}), std::nullopt);
  EXPECT_TRUE(validators_agree(std::vector{leader, follower}));
  follower.state_root.bytes[0] ^= 1;
  const auto alarm = validators_apart(std::vector{leader, follower});
  ASSERT_TRUE(alarm);
  EXPECT_EQ(alarm->window, 3);
  EXPECT_TRUE(alarm->reason.starts_with("validator 0 is at root ")) << alarm->reason;
  follower.window = 4;
  EXPECT_EQ(validators_apart(std::vector{leader, follower}), std::nullopt) << "one of them is behind";
  EXPECT_FALSE(validators_agree(std::vector{leader, follower}));
}

}  // namespace
}  // namespace templar::testing
