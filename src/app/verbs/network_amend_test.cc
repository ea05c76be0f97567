#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "app/verbs/verbs.h"
#include "app/world/node_world.h"
#include "app/world/open_ledger.h"
#include "core/run/amendment.h"
#include "support/json_values.h"
#include "support/run_verb.h"
#include "support/temporary_folder.h"
#include "support/test_key.h"

namespace templar::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// A ledger on which a miner has registered; windows of five blocks.
class NetworkAmend : public ::testing::Test {
 protected:
  NetworkAmend() {
    spec_.network.owner = test_owner().public_key().hex();
    spec_.network.blocks_per_window = 5;
    std::ofstream(folder_ / "spec.json") << pretty_json(spec_);
    EXPECT_TRUE(test_owner().save(folder_ / "owner.key"));
    EXPECT_TRUE(test_key(0).save(folder_ / "miner.key"));
    ledger_ = open_ledger(address_, spec_, {.may_create = true}).value();
    EXPECT_TRUE(miner().register_node({.key = {}, .bucket = test_bucket(0), .store = ""}));
  }
  [[nodiscard]] LedgerWriter miner() { return {ledger_->board(), ledger_->entries(), test_key(0)}; }
  VerbOutcome amend(std::vector<std::string> arguments, const std::string& key = "owner.key") {
    arguments.insert(arguments.begin(), {"network", "amend"});
    arguments.insert(arguments.end(), {"--spec", folder_ / "spec.json", "--ledger", address_});
    if (!key.empty()) arguments.insert(arguments.end(), {"--key", folder_ / key});
    return run_verb([](Verb program) { add_network_command(program, {}); }, std::move(arguments));
  }
  void make_blocks(int count) {
    Timekeeper timekeeper(ledger_->board(), ledger_->entries(), test_owner());
    for (int i = 0; i < count; ++i) ASSERT_TRUE(timekeeper.make_block(0));
  }
  [[nodiscard]] std::vector<Amendment> amendments() const { return ledger_->entries().amendments().value(); }

  TemporaryFolder folder_;
  const std::string address_ = "sqlite:" + (folder_ / "ledger.db").string();
  RunSpec spec_ = load_run_spec("tiny").value();
  std::shared_ptr<OpenedLedger> ledger_;
};

TEST_F(NetworkAmend, SaysWhatChangesFromWhenOn) {
  make_blocks(11);  // window 2 goes on
  const VerbOutcome said =
      amend({"--set", "outer.learning_rate=5e-1", "--set", "codec.topk=16", "--from", "6"});
  EXPECT_EQ(said.exit_code, 0) << said.errors;
  EXPECT_EQ(said.output, "amendment 1 from window 6 on: codec.topk=16, outer.learning_rate=0.5\n");
  const std::vector<Amendment> made = amendments();
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(made[0].first_window, 6);
  EXPECT_EQ(made[0].before_block, 25);
  const RunSpec at_6 = spec_in_force(spec_, made, 6).value();
  EXPECT_EQ(at_6.codec.topk, 16);
  EXPECT_EQ(at_6.outer.learning_rate, 0.5);
  EXPECT_EQ(canonical_json(spec_in_force(spec_, made, 5).value()), canonical_json(spec_));
}

TEST_F(NetworkAmend, TakesTheNextWindowThatCanBe) {
  EXPECT_EQ(amend({"--set", "codec.topk=16", "--from", "next"}).exit_code, 0);
  EXPECT_EQ(amendments().back().first_window, 1) << "no block is made yet";
  make_blocks(5);
  const VerbOutcome said = amend({"--set", "codec.topk=8", "--from", "next", "--json"});
  EXPECT_EQ(said.exit_code, 0) << said.errors;
  EXPECT_EQ(amendments().back().first_window, 2) << "window 1 has not begun";
  const Json json = parsed_json(said.output);
  EXPECT_EQ(json.at("number").integer(), 2);
  EXPECT_EQ(json.at("first_window").integer(), 2);
  EXPECT_EQ(*json.at("changes").at(0).text(), "codec.topk=8");
  EXPECT_EQ(*json.at("hash").text(), amendments().back().hash.hex());
  // Not before what comes later already.
  EXPECT_EQ(amend({"--set", "codec.topk=4", "--from", "9"}).exit_code, 0);
  EXPECT_EQ(amend({"--set", "codec.topk=6", "--from", "next"}).exit_code, 0);
  EXPECT_EQ(amendments().back().first_window, 9);
}

TEST_F(NetworkAmend, RefusesWithWhatToDo) {
  EXPECT_THAT(amend({"--set", "codec.topk=16", "--from", "0"}).errors, HasSubstr("the earliest is window 1"));
  make_blocks(11);
  const auto refused = [&](std::vector<std::string> arguments, const char* reason,
                           const std::string& key = "owner.key") {
    const VerbOutcome said = amend(std::move(arguments), key);
    EXPECT_EQ(said.exit_code, 1) << reason;
    EXPECT_THAT(said.errors, HasSubstr(reason));
  };
  refused({"--set", "codec.topk=16", "--from", "3"},
          "--from 3: too late: all nodes must read it before the window before begins, and window 2 is going "
          "on; 4 is the earliest (--from next)");
  refused({"--set", "codec.topk=16", "--from", "soon"}, "--from soon: a window's number, or next");
  refused({"--set", "codec.topk=16", "--from", "6x"}, "--from 6x: a window's number, or next");
  refused({"--set", "codec.topk", "--from", "6"}, "--set codec.topk: must be FIELD=VALUE");
  refused({"--set", "model.hidden_size=8", "--from", "6"}, "model.hidden_size: can't be amended");
  refused({"--set", "inner.lr=8", "--from", "6"}, "inner.lr: unknown field");
  refused({"--set", "inner.learning_rate=fast", "--from", "6"}, "inner.learning_rate");
  refused({"--set", "codec.topk=16", "--from", "6"}, "is not the run's owner", "miner.key");
  refused({"--set", "codec.topk=16", "--from", "6"}, "--key FILE is wanted", "");
  EXPECT_TRUE(amendments().empty());
  EXPECT_EQ(amend({"--set", "codec.topk=16", "--from", "6"}).exit_code, 0);
  refused({"--set", "codec.topk=8", "--from", "5"},
          "amendment 1 begins in window 6, and none may begin before the one before it: 6 is the earliest");
  refused({"--set", "codec.topk=16", "--from", "7"}, "codec.topk: is 16 already at that window");
  EXPECT_EQ(amend({"--from", "6"}).exit_code, 2);
  EXPECT_EQ(amend({"--set", "codec.topk=16"}).exit_code, 2);
}

TEST_F(NetworkAmend, NamesTheNodesThatCouldNotFollow) {
  ASSERT_TRUE(miner().start({.block = -1, .protocol = {1, 1}, .software = "templar 0.9"}));
  const VerbOutcome said = amend({"--set", "codec.topk=16", "--from", "next"});
  EXPECT_EQ(said.exit_code, 1);
  EXPECT_THAT(said.errors, AllOf(HasSubstr("uid 0 (templar 0.9)"), HasSubstr("--anyway")));
  EXPECT_TRUE(amendments().empty());
  EXPECT_EQ(amend({"--set", "codec.topk=16", "--from", "next", "--anyway"}).exit_code, 0);
  ASSERT_TRUE(miner().start({.block = -1, .protocol = {1, 2}, .software = "templar 1"}));
  EXPECT_EQ(amend({"--set", "codec.topk=8", "--from", "next"}).exit_code, 0);
}

}  // namespace
}  // namespace templar::testing
