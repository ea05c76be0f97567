// Real commands and a real server.
#include "app/alerts/alerts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/file.h"
#include "support/captured_logs.h"
#include "support/expect_failure.h"
#include "support/http_server.h"
#include "support/json_values.h"
#include "support/temporary_folder.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::chrono::seconds kAlertWait{60};
const StandingAlarm kNull{.kind = AlarmKind::kNullRounds, .window = 4, .reason = "no outer step"};
const StandingAlarm kClock{.kind = AlarmKind::kClockOff, .window = 5, .reason = "30 s behind"};

// "null_rounds 4" and "null_rounds 4 ended".
std::string words_of(const Alert& alert) {
  return std::string(name_of(alert.kind)) + " " + std::to_string(alert.window) +
         (alert.stands ? "" : " ended");
}

class AlertTellerTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<AlertTeller> teller() {
    return std::make_unique<AlertTeller>(
        AlertTellerOptions{.place = "command",
                           .node = "miner-1",
                           .run = "0699d591",
                           .told_file = folder_ / "told.json",
                           .retry = {.first_pause = std::chrono::milliseconds(1),
                                     .longest_pause = std::chrono::milliseconds(1),
                                     .most_retries = {},
                                     .jitter_seed = {}}},
        alarms_, [this](const Alert& alert) -> Status {
          const MutexLock lock(mutex_);
          if (failures_ > 0) {
            --failures_;
            return retry_error("nobody is at home");
          }
          told_.push_back(words_of(alert));
          return {};
        });
  }
  [[nodiscard]] std::vector<std::string> told() {
    const MutexLock lock(mutex_);
    return told_;
  }

  const CapturedLogs logs_;
  const TemporaryFolder folder_;
  const std::shared_ptr<StandingAlarms> alarms_ = std::make_shared<StandingAlarms>();
  Mutex mutex_;
  std::vector<std::string> told_ GUARDED_BY(mutex_);
  int failures_ GUARDED_BY(mutex_) = 0;
};

TEST_F(AlertTellerTest, TellsEachBeginningAndEachEndOnce) {
  alarms_->begin(kNull);
  const auto place = teller();
  ASSERT_TRUE(place->flush(kAlertWait)) << "what stood before";
  alarms_->begin(kClock);
  place->notice();
  ASSERT_TRUE(place->flush(kAlertWait));
  place->notice();
  ASSERT_TRUE(place->flush(kAlertWait));
  alarms_->end(AlarmKind::kNullRounds);
  place->notice();
  ASSERT_TRUE(place->flush(kAlertWait));
  EXPECT_THAT(told(), ElementsAre("null_rounds 4", "clock_off 5", "null_rounds 4 ended"));
}

TEST_F(AlertTellerTest, TellsNothingTwiceOverARestartAndTheEndOfWhatEndedMeanwhile) {
  alarms_->begin(kNull);
  alarms_->begin(kClock);
  ASSERT_TRUE(teller()->flush(kAlertWait));
  ASSERT_TRUE(teller()->flush(kAlertWait));
  EXPECT_EQ(told().size(), 2u);
  alarms_->end(AlarmKind::kNullRounds);
  alarms_->begin({.kind = AlarmKind::kNullRounds, .window = 9, .reason = "once more"});
  alarms_->end(AlarmKind::kClockOff);
  ASSERT_TRUE(teller()->flush(kAlertWait));
  EXPECT_THAT(told(), ElementsAre("null_rounds 4", "clock_off 5", "null_rounds 4 ended", "clock_off 5 ended",
                                  "null_rounds 9"));
}

TEST_F(AlertTellerTest, TriesAgainUntilThePlaceAnswersWhichTheLogSaysOnce) {
  {
    const MutexLock lock(mutex_);
    failures_ = 5;
  }
  alarms_->begin(kNull);
  const auto place = teller();
  ASSERT_TRUE(place->flush(kAlertWait));
  EXPECT_THAT(told(), ElementsAre("null_rounds 4"));
  EXPECT_EQ(logs_.count("an alarm could not be told: trying again"), 1u);
  EXPECT_EQ(logs_.field("an alarm could not be told: trying again", "reason"), "nobody is at home");
  EXPECT_EQ(logs_.count("alarms are told again"), 1u);
}

TEST_F(AlertTellerTest, TellsOnItsWayOutWhatNobodyHasBeenToldOf) {
  {
    const auto place = teller();
    ASSERT_TRUE(place->flush(kAlertWait));
    alarms_->begin(kNull);  // without a notice, as if it came in the last moment
  }
  EXPECT_THAT(told(), ElementsAre("null_rounds 4"));
}

class AlertsTest : public ::testing::Test {
 protected:
  [[nodiscard]] Result<std::unique_ptr<Alerts>> open(const AlertOptions& options) const {
    return Alerts::open(options, folder_.path(), world_.environment, {name_of(NodeRole::kMiner), 2});
  }
  const CapturedLogs logs_;
  const TemporaryFolder folder_;
  TestWorld world_{{.miners = 1, .validators = 1}};
};

TEST_F(AlertsTest, GoToAWebhookAsJson) {
  const HttpServer server(200);
  {
    const auto alerts = open({.command = {}, .webhook = server.url("/services/T000/B000/a-long-secret")});
    ASSERT_TRUE(alerts);
    world_.environment.alarms->begin(kNull);
    ASSERT_TRUE(server.arrived.wait_for_calls(1));
    world_.environment.alarms->end(AlarmKind::kNullRounds);
  }
  ASSERT_EQ(server.requests().size(), 2u);
  const Json begun = parsed_json(server.requests()[0].body);
  EXPECT_EQ(server.requests()[0].get_header_value("Content-Type"), "application/json");
  EXPECT_EQ(server.requests()[0].path, "/services/T000/B000/a-long-secret");
  EXPECT_EQ(begun.at("state"), "begun");
  EXPECT_EQ(begun.at("kind"), "null_rounds");
  EXPECT_EQ(begun.at("node"), "miner-2");
  EXPECT_EQ(parsed_json(server.requests()[1].body).at("state"), "ended");
}

TEST_F(AlertsTest, RememberWhatTheyHaveToldInTheNodesFolder) {
  const std::string file = (folder_ / "said").string();
  const AlertOptions options{.command = "echo \"$ALERT_STATE $ALERT_KIND\" >> '" + file + "'", .webhook = {}};
  world_.environment.alarms->begin(kClock);
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(open(options));
  world_.environment.alarms->end(AlarmKind::kClockOff);
  ASSERT_TRUE(open(options));
  EXPECT_EQ(as_text(read_file(file, 1000).value()), "begun clock_off\nended clock_off\n");
}

TEST_F(AlertsTest, KeepTheWebhooksSecretToThemselves) {
  const HttpServer server(403);
  {
    const auto alerts = open({.command = {}, .webhook = server.url("/hooks/0123456789abcdef")});
    ASSERT_TRUE(alerts);
    world_.environment.alarms->begin(kNull);
    ASSERT_TRUE(server.arrived.wait_for_calls(1));
  }
  EXPECT_EQ(logs_.field("an alarm could not be told: trying again", "reason"), "the server answered 403");
  EXPECT_THAT(logs_.text(), Not(HasSubstr("0123456789abcdef")));
}

TEST_F(AlertsTest, AreNobodysWhereNobodyIsNamedAndRefuseWhatIsNoAddress) {
  EXPECT_EQ(open({})->get(), nullptr);
  EXPECT_TRUE(fails(open({.command = {}, .webhook = "hooks.example.org/x"}), ErrorKind::kFatal,
                    "--alert-webhook: an address must begin with http"));
}

}  // namespace
}  // namespace templar::testing
