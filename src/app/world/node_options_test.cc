#include "app/world/node_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What a process knows after its command line has been read.
struct Read {
  int exit_code = 0;
  NodeConfig config;
  WatchOptions watch;
};

// Reads a node's command line as its verb does.
Read read(NodeRole role, const std::vector<std::string>& arguments) {
  Read result;
  result.watch = default_watch_options(role);
  CommandLine command_line("templar", "", "");
  Verb verb = command_line.root().add_verb(arguments.at(0), "");
  verb.add_options(node_options(result.config, role));
  verb.add_options(watch_options(result.watch));
  ::testing::internal::CaptureStderr();
  result.exit_code = command_line.run(arguments);
  std::fflush(stderr);
  const std::string errors = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(result.exit_code != 0, !errors.empty()) << errors;
  return result;
}

std::vector<std::string> joined(std::vector<std::string> arguments, const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

const std::vector<std::string> kShared = {
    "--spec",   "s",      "--data",          "d w", "--data-cache",    "c", "--data-cache-size", "1000",
    "--store",  "o",      "--store-profile", "p",   "--read-key-file", "r", "--ledger",          "l",
    "--state",  "t",      "--metrics",       "m",   "--threads",       "3", "--precision",       "bf16",
    "--device", "cuda:3", "--micro-batch",   "2",   "--until-window",  "7"};

// Each option of watching with a value that is not the default of any role.
const std::vector<std::string> kWatch = {"--prometheus",
                                         "9100",
                                         "--prometheus-host",
                                         "0.0.0.0",
                                         "--tag",
                                         "site=a b",
                                         "--tag",
                                         "rack=7",
                                         "--metrics-size",
                                         "5000000",
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

struct Node {
  NodeRole role;
  std::vector<std::string> arguments;  // each option with a value that is not the default
};

// tasks: a folder that exists.
std::vector<Node> nodes_with_all_options(const std::string& tasks) {
  const std::vector<std::string> miner = {
      "--key", "k", "--uid", "9", "--recompute-layers", "--dump-pseudo-gradients", "/g"};
  const std::vector<std::string> validator = {"--key",
                                              "k",
                                              "--uid",
                                              "9",
                                              "--keep-checkpoints",
                                              "3",
                                              "--keep-checkpoint-every",
                                              "50",
                                              "--keep-checkpoint-hours",
                                              "36",
                                              "--checkpoint-shard-size",
                                              "1000000"};
  const std::vector<std::string> evaluator = {"--heldout-samples",
                                              "9",
                                              "--tasks",
                                              tasks,
                                              "--limit",
                                              "12",
                                              "--num-fewshot",
                                              "2",
                                              "--num-fewshot",
                                              "mmlu=5",
                                              "--mmlu-every",
                                              "4",
                                              "--force",
                                              "--backfill",
                                              "3:6"};
  return {{NodeRole::kMiner, joined(joined(joined({"miner"}, kShared), miner), kWatch)},
          {NodeRole::kValidator, joined(joined(joined({"validator"}, kShared), validator), kWatch)},
          {NodeRole::kEvaluator, joined(joined(joined({"evaluator"}, kShared), evaluator), kWatch)}};
}

// What a validator's process is told of being watched, besides what a node needs.
std::vector<std::string> watch_arguments(const WatchOptions& watch) {
  std::vector<std::string> arguments = node_arguments(NodeRole::kMiner, {}, watch);
  EXPECT_EQ(arguments.at(0), "miner");
  arguments.erase(arguments.begin());
  return arguments;
}

}  // namespace

TEST(NodeArguments, SayAgainWhatWasRead) {
  const TemporaryFolder tasks;
  for (const Node& node : nodes_with_all_options(tasks.path().string())) {
    const Read known = read(node.role, node.arguments);
    EXPECT_EQ(known.exit_code, 0);
    EXPECT_EQ(node_arguments(node.role, known.config, known.watch), node.arguments);
  }
}

TEST(NodeArguments, LeaveNoOptionOfTheTablesOut) {
  const TemporaryFolder tasks;
  for (const Node& node : nodes_with_all_options(tasks.path().string())) {
    NodeConfig config;
    WatchOptions watch;
    for (const OptionTable& table : {node_options(config, node.role), watch_options(watch)})
      for (const Option& option : table) EXPECT_THAT(node.arguments, Contains(option.name));
  }
}

TEST(NodeArguments, AreTheVerbAloneWhereAllIsAsItIsByDefault) {
  EXPECT_THAT(node_arguments(NodeRole::kValidator, {}, default_watch_options(NodeRole::kValidator)),
              ElementsAre("validator"));
}

TEST(NodeArguments, HoldNoSecret) {
  WatchOptions options;
  options.influx.url = "http://h";
  options.influx.password = "secret";
  options.influx.token = "secret";
  options.loki.password = "secret";
  options.loki.token = "secret";
  EXPECT_THAT(watch_arguments(options), ElementsAre("--influx-url", "http://h"));
  EXPECT_THAT(watch_arguments({}), IsEmpty());
}

TEST(NodeArguments, KeepTheBatchOfAValidatorThatIsNotItsDefault) {
  const std::vector<std::string> arguments = node_arguments(NodeRole::kValidator, {}, {});
  EXPECT_THAT(arguments, ElementsAre("validator", "--influx-batch", "1000"));
}

TEST(WatchOptions, RefuseWhatCanNotBe) {
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"--prometheus", "65536"},
                                                {"--system-interval", "-1"},
                                                {"--influx-batch", "0"},
                                                {"--log-format", "xml"}}) {
    EXPECT_EQ(read(NodeRole::kMiner, joined(joined({"miner"}, kShared), wrong)).exit_code, 2) << wrong[0];
  }
}

}  // namespace templar::testing
