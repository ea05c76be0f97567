#include "app/command_line/variables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace templar::testing {
namespace {

using ::testing::Contains;
using ::testing::Not;
using ::testing::StartsWith;

// Sets variables for as long as it lives.
class SetVariables {
 public:
  explicit SetVariables(Environment variables) : variables_(std::move(variables)) {
    for (const auto& [name, value] : variables_) ::setenv(name.c_str(), value.c_str(), 1);
  }
  ~SetVariables() {
    for (const auto& [name, value] : variables_) ::unsetenv(name.c_str());
  }
  SetVariables(const SetVariables&) = delete;
  SetVariables& operator=(const SetVariables&) = delete;

 private:
  const Environment variables_;
};

TEST(ProcessEnvironment, HasTheVariablesOfThisProgramThatSaySomething) {
  const SetVariables set(
      {{"TEMPLAR_SOME_TEXT", "a=b c"}, {"TEMPLAR_EMPTY", ""}, {"MY_TEMPLAR_TEXT", "x"}, {"TEMPLARS", "x"}});
  const Environment environment = process_environment();
  EXPECT_EQ(environment.at("TEMPLAR_SOME_TEXT"), "a=b c");
  for (const char* other : {"TEMPLAR_EMPTY", "MY_TEMPLAR_TEXT", "TEMPLARS"})
    EXPECT_FALSE(environment.contains(other)) << other;
}

TEST(EnvironmentWithoutOptions, KeepsSecretsAndWhatIsOfOtherPrograms) {
  const SetVariables set({{"TEMPLAR_STATE", "/s"},
                          {"TEMPLAR_CONFIG", "/c"},
                          {"TEMPLAR_INFLUX_PASSWORD", "p"},
                          {"TEMPLAR_INFLUX_TOKEN", "t"},
                          {"TEMPLAR_LOKI_PASSWORD", "q"},
                          {"TEMPLAR_LOKI_TOKEN", "u"},
                          {"TEMPLAR_ETCD_PASSWORD", "e"},
                          {"AWS_PROFILE", "mine"}});
  const std::vector<std::string> kept = environment_without_options();
  for (const char* wanted : {"TEMPLAR_INFLUX_PASSWORD=p", "TEMPLAR_INFLUX_TOKEN=t", "TEMPLAR_LOKI_PASSWORD=q",
                             "TEMPLAR_LOKI_TOKEN=u", "TEMPLAR_ETCD_PASSWORD=e", "AWS_PROFILE=mine"})
    EXPECT_THAT(kept, Contains(wanted));
  EXPECT_THAT(kept, Not(Contains(StartsWith("TEMPLAR_STATE"))));
  EXPECT_THAT(kept, Not(Contains(StartsWith("TEMPLAR_CONFIG"))));
}

}  // namespace
}  // namespace templar::testing
