#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "app/world/watch.h"

namespace templar::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

WatchOptions parsed(std::vector<std::string> arguments) {
  CLI::App verb;
  WatchOptions options;
  add_watch_options(verb, options);
  std::ranges::reverse(arguments);
  verb.parse(arguments);
  return options;
}

}  // namespace

TEST(WatchArguments, AreNoneWhereAllIsAsItIsByDefault) {
  EXPECT_THAT(watch_arguments({}), IsEmpty());
}

TEST(WatchArguments, SayAgainWhatIsNotTheDefault) {
  const std::vector<std::string> all = {"--prometheus",
                                        "9100",
                                        "--prometheus-host",
                                        "0.0.0.0",
                                        "--tag",
                                        "site=a b",
                                        "--tag",
                                        "rack=7",
                                        "--system-interval",
                                        "0.5",
                                        "--influx-url",
                                        "http://h:8086",
                                        "--influx-database",
                                        "d",
                                        "--influx-user",
                                        "u",
                                        "--influx-password-file",
                                        "/p w",
                                        "--influx-org",
                                        "o",
                                        "--influx-bucket",
                                        "b",
                                        "--influx-token-file",
                                        "/t",
                                        "--influx-ca-file",
                                        "/c",
                                        "--influx-batch",
                                        "77",
                                        "--log-levels",
                                        "warn",
                                        "--log-format",
                                        "json",
                                        "--log-file",
                                        "/l",
                                        "--loki-url",
                                        "http://l",
                                        "--loki-user",
                                        "v",
                                        "--loki-password-file",
                                        "/q",
                                        "--loki-token-file",
                                        "/r",
                                        "--loki-tenant",
                                        "n",
                                        "--loki-ca-file",
                                        "/s"};
  EXPECT_EQ(watch_arguments(parsed(all)), all);
}

TEST(WatchArguments, HoldNoSecret) {
  WatchOptions options;
  options.influx.url = "http://h";
  options.influx.password = "secret";
  options.influx.token = "secret";
  options.loki.password = "secret";
  options.loki.token = "secret";
  EXPECT_THAT(watch_arguments(options), ElementsAre("--influx-url", "http://h"));
}

TEST(WatchOptions, RefuseWhatCanNotBe) {
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"--prometheus", "65536"},
                                                {"--system-interval", "-1"},
                                                {"--influx-batch", "0"},
                                                {"--log-format", "xml"}}) {
    EXPECT_THROW(static_cast<void>(parsed(wrong)), CLI::ParseError) << wrong[0];
  }
}

}  // namespace templar::testing
