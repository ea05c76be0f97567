#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "app/verbs/verbs.h"
#include "app/world/node_world.h"
#include "app/world/open_ledger.h"
#include "support/expect_failure.h"
#include "support/run_verb.h"
#include "support/temporary_folder.h"
#include "support/test_key.h"

namespace templar::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class LedgerCommand : public ::testing::Test {
 protected:
  LedgerCommand() {
    spec_.network.owner = test_owner().public_key().hex();
    std::ofstream(folder_ / "spec.json") << pretty_json(spec_);
    EXPECT_TRUE(test_owner().save(folder_ / "owner.key"));
    EXPECT_TRUE(test_key(0).save(folder_ / "validator.key"));
    ledger_ = open_ledger(address_, spec_, {.may_create = true}).value();
  }
  VerbOutcome run(const std::function<void(Verb)>& add, std::vector<std::string> arguments,
                  const std::string& key = "") {
    arguments.insert(arguments.end(), {"--spec", folder_ / "spec.json", "--ledger", address_});
    if (!key.empty()) arguments.insert(arguments.end(), {"--key", folder_ / key});
    return run_verb(add, std::move(arguments));
  }
  VerbOutcome network(std::vector<std::string> arguments, const std::string& key = "owner.key") {
    arguments.insert(arguments.begin(), "network");
    return run([](Verb program) { add_network_command(program, {}); }, std::move(arguments), key);
  }
  std::string shown() { return run(add_ledger_command, {"ledger", "show"}).output; }
  LedgerWriter validator() { return {ledger_->board(), ledger_->entries(), test_key(0)}; }
  void register_validator() {
    ASSERT_TRUE(validator().register_node(
        {.role = NodeRole::kValidator, .key = {}, .bucket = test_bucket(0), .store = ""}));
  }

  TemporaryFolder folder_;
  const std::string address_ = "sqlite:" + (folder_ / "ledger.db").string();
  RunSpec spec_ = load_run_spec("tiny").value();
  std::shared_ptr<OpenedLedger> ledger_;
};

TEST_F(LedgerCommand, ShowsWhoTakesPartAndWhoLeads) {
  EXPECT_THAT(shown(), AllOf(HasSubstr("block      none yet"), HasSubstr("decided    nothing yet")));
  register_validator();
  const std::string key = test_key(0).public_key().hex();
  EXPECT_EQ(network({"stake", "0", "2.5", "--founder"}).exit_code, 0);
  EXPECT_THAT(shown(), HasSubstr("stake 2.5, founder"));
  ASSERT_TRUE(Timekeeper(ledger_->board(), ledger_->entries(), test_owner()).make_block(0));
  ASSERT_TRUE(validator().begin_term({.leader = {}, .state_root = {}, .ended_after = {}}).value());
  ASSERT_TRUE(validator().decide({.record = {}}).value());
  ASSERT_TRUE(validator().beat({.window = 1, .state_root = {}, .software = "here"}));
  EXPECT_THAT(shown(), AllOf(HasSubstr("block      0, window 0"), HasSubstr("up to window 0, in term 0"),
                             ContainsRegex("term 0 +uid 0 from window 0"), HasSubstr("block 0, window 1")));
  const std::string json = run(add_ledger_command, {"ledger", "show", "--json"}).output;
  EXPECT_THAT(json, AllOf(HasSubstr("\"decided_window\": 0"), HasSubstr("\"leader\": \"" + key + "\""),
                          HasSubstr("\"software\": \"here\""), HasSubstr("\"founder\": true")));
}

TEST_F(LedgerCommand, SaysWhatOnlyTheOwnerMaySay) {
  register_validator();
  VerbOutcome outcome = network({"stake", "0", "1e9"}, "validator.key");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.errors, HasSubstr("is not the run's owner"));
  EXPECT_THAT(shown(), HasSubstr("stake 0"));
  outcome = network({"remove", "7"});
  EXPECT_THAT(outcome.errors, HasSubstr("node 7: neither a uid on the ledger nor a public key"));
  // Of who has not registered yet.
  EXPECT_EQ(network({"stake", test_key(5).public_key().hex(), "3"}).exit_code, 0);
  EXPECT_EQ(network({"stake", "0", "1", "--founder"}).exit_code, 0);
  EXPECT_EQ(network({"remove", "0"}).exit_code, 0);
  EXPECT_THAT(shown(), AllOf(HasSubstr("removed"), Not(HasSubstr("stake 1"))));
  EXPECT_TRUE(ledger_->entries().registrations().value().at(0).is_founder) << "what was said before stays";
  EXPECT_THAT(network({"end-term", "0"}).errors, HasSubstr("there is no term 0"));
}

TEST_F(LedgerCommand, NamesWhatIsMissing) {
  RunSpec ownerless = spec_;
  ownerless.network.owner.clear();
  std::ofstream(folder_ / "spec.json", std::ios::trunc) << pretty_json(ownerless);
  const VerbOutcome outcome = run(add_ledger_command, {"ledger", "show"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.errors, AllOf(HasSubstr("names no owner"), HasSubstr("templar key new")));
}

TEST(LedgerAddress, IsAFileUnlessItSaysOtherwise) {
  const auto file_of = [](const std::string& address) {
    return std::get<std::filesystem::path>(parse_ledger_address(address).value());
  };
  EXPECT_EQ(file_of("sqlite:a/b.db"), "a/b.db");
  EXPECT_EQ(file_of("./a:b.db"), "./a:b.db");
  EXPECT_EQ(file_of("ledger.db"), "ledger.db");
  for (const char* address : {"", "etcd:x", "s3://bucket/ledger"})
    EXPECT_FALSE(parse_ledger_address(address)) << address;
}

TEST(LedgerAddress, MayBeOnEtcdWhereEachRunHasItsOwnKeys) {
  const auto address =
      std::get<EtcdAddress>(parse_ledger_address("etcd:http://127.0.0.1:2379/templar").value());
  EXPECT_EQ(address.prefix, "templar");
  const std::string prefix = etcd_run_prefix(address, blake2b_256(as_bytes("run")));
  EXPECT_EQ(prefix, "templar/" + blake2b_256(as_bytes("run")).hex().substr(0, 16) + "/");
  EXPECT_NE(prefix, etcd_run_prefix(address, blake2b_256(as_bytes("another run"))));
  EXPECT_TRUE(
      fails(parse_ledger_address("etcd:http://me:hidden@a/x"), ErrorKind::kFatal, "--ledger: address of"));
}

TEST(LedgerAddress, OfAUserNeedsAPassword) {
  const TemporaryFolder folder;
  const Hash256 run;
  EXPECT_TRUE(fails(open_notice_board("etcd:http://127.0.0.1:1/x?user=miner", run), ErrorKind::kFatal,
                    "no password for the user miner: set TEMPLAR_ETCD_PASSWORD"));
  const std::string file = (folder / "password").string();
  const std::string address = "etcd:http://127.0.0.1:1/x?user=miner&password-file=" + file;
  EXPECT_TRUE(fails(open_notice_board(address, run), ErrorKind::kFatal, "password: No such file"));
  std::ofstream(file) << "hidden-word\n";
  EXPECT_TRUE(open_notice_board(address, run));
}

}  // namespace
}  // namespace templar::testing
