#include "app/alerts/alert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log/secrets.h"
#include "support/json_values.h"

namespace templar::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Alert kBegun{.kind = AlarmKind::kDiskLow,
                   .stands = true,
                   .node = "validator-0",
                   .run = "0699d591",
                   .window = 12,
                   .reason = "state: 3 MB are free"};

TEST(Alert, SaysWhatStandsWhySinceWhenAndWhatToDo) {
  EXPECT_EQ(alert_text(kBegun),
            "templar validator-0: ALARM disk_low: the disk is nearly full, since window 12\n"
            "run 0699d591\n"
            "state: 3 MB are free\n"
            "do: free some room; templar doctor says how much\n");
  Alert ended = kBegun;
  ended.stands = false;
  EXPECT_EQ(alert_text(ended),
            "templar validator-0: alarm has ended: disk_low: the disk is nearly full, since window 12\n"
            "run 0699d591\n"
            "state: 3 MB are free\n");
}

TEST(Alert, SaysTheSameAsJson) {
  const Json json = parsed_json(alert_json(kBegun));
  EXPECT_EQ(json.at("text"), alert_text(kBegun));
  EXPECT_EQ(json.at("state"), "begun");
  EXPECT_EQ(json.at("kind"), "disk_low");
  EXPECT_EQ(json.at("node"), "validator-0");
  EXPECT_EQ(json.at("run"), "0699d591");
  EXPECT_EQ(json.at("window"), 12);
  EXPECT_EQ(json.at("reason"), "state: 3 MB are free");
  EXPECT_EQ(json.at("advice"), form_of(AlarmKind::kDiskLow).advice);
  EXPECT_EQ(json.at("title"), form_of(AlarmKind::kDiskLow).title);
}

TEST(Alert, HasNoSecretAndNoLineOfSomebodyElses) {
  ASSERT_TRUE(register_secret("word-of-the-bucket"));
  Alert alert = kBegun;
  alert.reason = "the store says\nword-of-the-bucket " + std::string(5000, 'x');
  EXPECT_THAT(alert_text(alert), HasSubstr("\nthe store says <secret> xxx"));
  EXPECT_LT(alert_text(alert).size(), 2000u);
  EXPECT_THAT(alert_json(alert), Not(HasSubstr("word-of-the-bucket")));
  for (const std::string& variable : alert_variables(alert))
    EXPECT_THAT(variable, Not(HasSubstr("word-of-the-bucket")));
}

}  // namespace
}  // namespace templar::testing
