#include "app/command_line/nearest_name.h"

#include <gtest/gtest.h>

namespace templar::testing {
namespace {

const std::vector<std::string> kNames = {"threads", "state", "stake", "store", "log-file", "log-levels"};

TEST(NearestName, IsTheOneWithTheFewestChanges) {
  EXPECT_EQ(nearest_name("threds", kNames), "threads");
  EXPECT_EQ(nearest_name("threadss", kNames), "threads");
  EXPECT_EQ(nearest_name("thraeds", kNames), "threads");
  EXPECT_EQ(nearest_name("log_file", kNames), "log-file");
  EXPECT_EQ(nearest_name("loglevels", kNames), "log-levels");
  EXPECT_EQ(nearest_name("stor", kNames), "store");
  EXPECT_EQ(nearest_name("store", kNames), "store");
}

TEST(NearestName, IsTheFirstOfEquals) {
  EXPECT_EQ(nearest_name("stage", {"state", "stake"}), "state");
  EXPECT_EQ(nearest_name("stage", {"stake", "state"}), "stake");
}

TEST(NearestName, IsNoneOfThoseThatAreFarOff) {
  EXPECT_EQ(nearest_name("miners", kNames), std::nullopt);
  EXPECT_EQ(nearest_name("", kNames), std::nullopt);
  EXPECT_EQ(nearest_name("threads", {}), std::nullopt);
  EXPECT_EQ(nearest_name(std::string(100'000, 't'), kNames), std::nullopt);
}

}  // namespace
}  // namespace templar::testing
