#include "node/window/alarms.h"

#include <gtest/gtest.h>

#include "support/captured_logs.h"
#include "support/measurement_forms.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

class AlarmsTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::vector<std::string> raised() const {
    std::vector<std::string> all;
    for (const Measurement& measurement : world_.ports.metrics.named("network_alarm")) {
      all.push_back(std::get<std::string>(measurement.fields.at("kind")) + " " +
                    std::to_string(std::get<int64_t>(measurement.fields.at("window"))));
    }
    return all;
  }

  const CapturedLogs logs_;
  TestWorld world_{{.miners = 1, .validators = 2}};
  Alarms alarms_{world_.environment, {name_of(NodeRole::kMiner), 0}};
};

using Raised = std::vector<std::string>;

TEST_F(AlarmsTest, AreSaidOnceWithTheirCause) {
  alarms_.speak_as(2);
  for (int i = 0; i < 2; ++i) alarms_.raise({AlarmKind::kFalls, 7, "the ledger has nothing of window 7"});
  alarms_.raise({AlarmKind::kFalls, 8, "nor of window 8"});
  EXPECT_EQ(raised(), (Raised{"falls 7", "falls 8"}));
  EXPECT_EQ(logs_.count("alarm: falls"), 2u);
  const Measurement first = world_.ports.metrics.named("network_alarm").front();
  EXPECT_EQ(misfits_of(first), "");
  EXPECT_EQ(first.tags.at("uid"), "2");
  EXPECT_EQ(std::get<std::string>(first.fields.at("reason")), "the ledger has nothing of window 7");
  alarms_.settle(AlarmKind::kFalls);
  alarms_.raise({AlarmKind::kFalls, 7, "once more"});
  EXPECT_EQ(raised().size(), 3u) << "what comes after all was well is said anew";
}

TEST_F(AlarmsTest, AreRaisedAtTheThirdNullRoundInARow) {
  const std::vector<bool> is_null = {true, true, false, true, true, true, true, false, true, true, true};
  for (size_t i = 0; i < is_null.size(); ++i) alarms_.close_window(static_cast<int64_t>(i), is_null[i]);
  EXPECT_EQ(raised(), (Raised{"null_rounds 5", "null_rounds 10"}));
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
