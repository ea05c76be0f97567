#include "app/localnet/run_store.h"

#include <gtest/gtest.h>

#include "support/expect_failure.h"
#include "support/run_specs.h"

namespace templar::testing {
namespace {

constexpr const char* kStore = "s3://bucket/a?endpoint=https://s3.example&region=here";

Status agrees(const std::string& known, const std::string& wanted) {
  Registration there;
  there.store = known;
  return agree_on_store(there, wanted, "miner-1");
}

TEST(RunStore, IsWhereTheRunHasItsObjects) {
  const std::string store = kStore;
  EXPECT_TRUE(agrees(store + "&access=public", store + "&access=public"));
  EXPECT_TRUE(agrees(store + "&read-key=a:b", store + "&read-key=c:d")) << "keys may change";
  EXPECT_TRUE(agrees("", ""));
  EXPECT_TRUE(fails(agrees(store, ""), ErrorKind::kFatal, "s3://bucket/a at https://s3.example"));
  EXPECT_TRUE(fails(agrees("", store), ErrorKind::kFatal, "the run's own folder"));
  EXPECT_FALSE(agrees(store, "s3://bucket/b?endpoint=https://s3.example&region=here"));
  EXPECT_FALSE(agrees(store, "s3://bucket/a?endpoint=https://other.example&region=here"));
}

TEST(RunStore, OfEachNodeIsNamedAfterIt) {
  const OwnStoreOptions pattern{.address = "s3://run-{node}?endpoint=https://s3.example",
                                .profile = "{node}",
                                .read_key_file = "keys/{node}.read"};
  const OwnStoreOptions miner = store_of_node(pattern, "folder", NodeRole::kMiner, "miner-1");
  EXPECT_EQ(miner.address, "s3://run-miner-1?endpoint=https://s3.example");
  EXPECT_EQ(miner.profile, "miner-1");
  EXPECT_EQ(miner.read_key_file, "keys/miner-1.read");
  EXPECT_EQ(store_of_node(pattern, "folder", NodeRole::kEvaluator, "evaluator").address, "");
  EXPECT_EQ(store_of_node({}, "folder", NodeRole::kEvaluator, "evaluator").address, "folder");
}

TEST(RunStore, IsRefusedWhereItsClockCanNotBeTheRuns) {
  RunSpec spec = small_run_spec();
  spec.network.blocks_per_window = 2;
  EXPECT_TRUE(check_store_option({}, false, spec));
  EXPECT_TRUE(check_store_option({.address = kStore}, true, spec));
  EXPECT_TRUE(fails(check_store_option({.address = kStore}, false, spec), ErrorKind::kFatal, "--processes"));
  EXPECT_TRUE(fails(check_store_option({.address = "/a/folder"}, true, spec), ErrorKind::kFatal, "s3://"));
  spec.network.blocks_per_window = 1;
  EXPECT_TRUE(fails(check_store_option({.address = kStore}, true, spec), ErrorKind::kFatal,
                    "network.blocks_per_window=2"));
}

TEST(RunLedger, IsOfAllNodesAndAskedByEachAsItsOwnUser) {
  const std::string pattern = "etcd:http://127.0.0.1:2379/p?user={node}&password-file=keys/{node}.password";
  EXPECT_TRUE(check_ledger_option(pattern, true));
  EXPECT_EQ(ledger_of_node(pattern, "ledger.db", "miner-1"),
            "etcd:http://127.0.0.1:2379/p?user=miner-1&password-file=keys/miner-1.password");
  EXPECT_EQ(ledger_prefix(pattern), "p");
  EXPECT_EQ(ledger_of_node("", "ledger.db", "miner-1"), "sqlite:ledger.db");
  EXPECT_EQ(ledger_prefix(""), "");
}

TEST(RunLedger, IsRefusedWhereItCanNotBeOfSuchARun) {
  EXPECT_TRUE(check_ledger_option("", false));
  const auto refuses = [](const std::string& ledger, bool processes, const char* reason) {
    return fails(check_ledger_option(ledger, processes), ErrorKind::kFatal, reason);
  };
  EXPECT_TRUE(refuses("etcd:http://127.0.0.1/p", false, "needs --processes"));
  EXPECT_TRUE(refuses("ledger.db", true, "--ledger: an etcd: address"));
  EXPECT_TRUE(refuses("etcd:http://127.0.0.1/{node}", true, "all nodes have one ledger"));
  EXPECT_TRUE(refuses("etcd:http://{node}/p", true, "all nodes have one ledger"));
  EXPECT_TRUE(refuses("etcd:http://127.0.0.1", true, "it names no prefix"));
}

}  // namespace
}  // namespace templar::testing
