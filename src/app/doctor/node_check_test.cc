#include "app/doctor/node_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "adapters/corpus/prepare.h"
#include "app/terminal/progress_line.h"
#include "app/world/node_memory.h"
#include "support/file_content.h"
#include "support/temporary_folder.h"
#include "support/test_key.h"
#include "support/vectors.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr TimestampMs kNowMs = 1'800'000'000'000;
constexpr int64_t kEnoughBytes = int64_t{1} << 40;

auto is(CheckVerdict verdict, const std::string& name, const std::string& text = "") {
  return AllOf(Field(&CheckedProperty::verdict, verdict), Field(&CheckedProperty::name, name),
               Field(&CheckedProperty::text, HasSubstr(text)));
}
auto fails_at(const std::string& name, const std::string& text = "") {
  return is(CheckVerdict::kBad, name, text);
}

// Everything that a node needs.
class NodeChecks : public ::testing::Test {
 protected:
  NodeChecks() {
    std::ofstream(folder_ / "text.txt") << text();
    PrepareOptions prepare{.inputs = {(folder_ / "text.txt").string()}, .out = folder_ / "data"};
    prepare.sequence_length = 32;
    EXPECT_TRUE(prepare_data(prepare));
    EXPECT_TRUE(apply_changes(spec_, {"model.hidden_size=32", "model.num_hidden_layers=1",
                                      "model.intermediate_size=64", "inner.sequence_length=32"}));
    spec_.network.owner = test_owner().public_key().hex();
    write_spec();
    EXPECT_TRUE(test_key(1).save(folder_ / "miner.key"));
    EXPECT_TRUE(test_key(2).save(folder_ / "validator.key"));
    fs::create_directory(folder_ / "store");
    ledger_ = open_ledger(folder_ / "ledger.db", spec_, {.may_create = true}).value();
    add(NodeRole::kValidator, 2);
    add_block(kNowMs - 7500);
    config_.spec_file = folder_ / "spec.json";
    config_.data = (folder_ / "data").string();
    config_.store.address = (folder_ / "store").string();
    config_.ledger = folder_ / "ledger.db";
    config_.key_file = folder_ / "miner.key";
    config_.state_folder = folder_ / "state/me";
    config_.metrics_file = folder_ / "metrics/me.jsonl";
  }
  static std::string text() {
    std::string text;
    for (int i = 0; i < 4000; ++i) text += "line " + std::to_string(i * 7919) + "\n\n";
    return text;
  }
  void write_spec() const { std::ofstream(folder_ / "spec.json", std::ios::trunc) << pretty_json(spec_); }
  void add(NodeRole role, uint32_t number) const {
    LedgerWriter writer(ledger_->board(), ledger_->entries(), test_key(number));
    EXPECT_TRUE(writer.register_node({.role = role, .key = {}, .bucket = test_bucket(number), .store = ""}));
  }
  void add_block(TimestampMs time_ms) const {
    EXPECT_TRUE(Timekeeper(ledger_->board(), ledger_->entries(), test_owner()).make_block(time_ms));
  }

  std::vector<CheckedProperty> check(NodeRole role = NodeRole::kMiner) const {
    std::vector<CheckedProperty> seen;
    const std::vector<CheckedProperty> found = check_node(
        role, config_, options_, clock_, [&](const CheckedProperty& property) { seen.push_back(property); });
    EXPECT_EQ(seen.size(), found.size());
    return found;
  }
  // All that is there but the ledger's own files, which readers touch, too.
  [[nodiscard]] std::map<std::string, std::string> tree() const {
    std::map<std::string, std::string> tree;
    for (const auto& entry : fs::recursive_directory_iterator(folder_.path())) {
      const std::string name = entry.path().lexically_relative(folder_.path());
      if (name.starts_with("ledger.db")) continue;
      tree[name] = entry.is_regular_file() ? text_of(entry.path(), 1 << 24) : "";
    }
    return tree;
  }

  const TemporaryFolder folder_;
  RunSpec spec_ = load_run_spec("tiny").value();
  std::shared_ptr<OpenedLedger> ledger_;
  NodeConfig config_;
  NodeCheckOptions options_{.store = {.sample_bytes = 1000},
                            .machine = {.processors = 4, .memory_bytes = kEnoughBytes}};
  VirtualClock clock_{kNowMs};
};

TEST_F(NodeChecks, AreAllGoodWhereAllIsThereAndLeaveItAsItWas) {
  const auto before = tree();
  const auto roster = ledger_->entries().registrations().value();
  for (const NodeRole role : {NodeRole::kMiner, NodeRole::kValidator, NodeRole::kEvaluator}) {
    config_.key_file = folder_ / (role == NodeRole::kMiner ? "miner.key" : "validator.key");
    const std::vector<CheckedProperty> found = check(role);
    EXPECT_THAT(found, Each(Field(&CheckedProperty::verdict, CheckVerdict::kGood)));
    for (const char* name : {"run spec", "data", "ledger", "blocks", "store write", "store read",
                             "store list", "store clock", "store latency", "store throughput", "store remove",
                             "state", "metrics", "disk", "device", "memory", "threads"})
      EXPECT_THAT(found, Contains(Field(&CheckedProperty::name, name))) << name_of(role);
    for (const char* name : {"key", "registration"})
      EXPECT_EQ(std::ranges::count(found, name, &CheckedProperty::name),
                role == NodeRole::kEvaluator ? 0 : 1);
  }
  EXPECT_EQ(tree(), before);
  EXPECT_EQ(ledger_->entries().registrations().value(), roster);
}

TEST_F(NodeChecks, FailWhereSomethingIsMissingAndLookAtTheRest) {
  config_.spec_file = folder_ / "no-spec";
  config_.data = (folder_ / "no-data").string();
  config_.ledger = folder_ / "no-ledger";
  config_.key_file = folder_ / "no-key";
  const std::vector<CheckedProperty> found = check();
  EXPECT_THAT(found, Contains(fails_at("run spec", "neither a preset")));
  EXPECT_THAT(found, Contains(fails_at("data", "no-data")));
  EXPECT_THAT(found, Contains(fails_at("ledger", "no-ledger")));
  EXPECT_THAT(found, Contains(fails_at("key", "`templar key new FILE` makes one")));
  EXPECT_THAT(found, Contains(is(CheckVerdict::kGood, "store write")));
  EXPECT_THAT(found, Contains(is(CheckVerdict::kGood, "threads")));
  EXPECT_THAT(found, Not(Contains(Field(&CheckedProperty::name, "memory"))));
  EXPECT_FALSE(fs::exists(folder_ / "no-ledger"));
}

TEST_F(NodeChecks, FailWithDataOfAnotherRun) {
  ASSERT_TRUE(apply_changes(spec_, {"inner.sequence_length=64"}));
  write_spec();
  EXPECT_THAT(check(), Contains(fails_at("data", "32")));
  ASSERT_TRUE(
      apply_changes(spec_, {"inner.sequence_length=32", "data.manifest_hash=" + std::string(64, 'a')}));
  write_spec();
  EXPECT_THAT(check(), Contains(fails_at("data", "data.manifest_hash")));
}

TEST_F(NodeChecks, KnowWhetherTheKeyIsRegistered) {
  EXPECT_THAT(check(), Contains(is(CheckVerdict::kGood, "registration", "the node will register it")));
  add(NodeRole::kMiner, 1);
  EXPECT_THAT(check(), Contains(is(CheckVerdict::kGood, "registration", "uid 1")));
  EXPECT_THAT(
      check(NodeRole::kValidator),
      Contains(fails_at("registration", "registered as a miner, uid 1: give this validator another --key")));
}

TEST_F(NodeChecks, WarnOfALedgerWithoutValidatorsOrBlocks) {
  config_.ledger = folder_ / "other.db";
  {
    EXPECT_TRUE(open_ledger(config_.ledger, spec_, {.may_create = true}));
  }
  const std::vector<CheckedProperty> found = check();
  EXPECT_THAT(found, Contains(is(CheckVerdict::kWarning, "ledger", "before there is a validator")));
  EXPECT_THAT(found, Contains(is(CheckVerdict::kWarning, "blocks", "none has been made yet")));
  EXPECT_THAT(check(NodeRole::kValidator), Contains(is(CheckVerdict::kGood, "ledger")));
}

TEST_F(NodeChecks, CompareTheClockWithTheNewestBlock) {
  EXPECT_THAT(check(), Contains(is(CheckVerdict::kGood, "blocks", "the newest, 0, is 7.5 s old")));
  clock_.set(kNowMs - 7500 - 6000);
  EXPECT_THAT(check(), Contains(is(CheckVerdict::kWarning, "blocks", "6.0 s ahead of this machine's clock")));
  clock_.set(kNowMs + 10 * spec_.network.block_seconds * 1000 - 7500 + 5000);
  EXPECT_THAT(check(), Contains(is(CheckVerdict::kGood, "blocks")));
  clock_.advance(1);
  EXPECT_THAT(check(), Contains(is(CheckVerdict::kWarning, "blocks", "has the run stopped")));
  clock_.set(kNowMs + 86'400'000 * int64_t{10});
  EXPECT_THAT(check(), Contains(is(CheckVerdict::kWarning, "blocks", "10.0 days old")));
}

TEST_F(NodeChecks, DoNotMakeAStoreThatIsNotThere) {
  config_.store.address = (folder_ / "nowhere/store").string();
  EXPECT_THAT(check(), Contains(is(CheckVerdict::kWarning, "store", "there is no such folder")));
  EXPECT_FALSE(fs::exists(folder_ / "nowhere"));
  config_.store.address = (folder_ / "text.txt/store").string();
  EXPECT_THAT(check(), Contains(fails_at("store", "text.txt is no folder")));
  config_.store.address = (folder_ / "text.txt").string();
  EXPECT_THAT(check(), Contains(fails_at("store write")));
}

TEST_F(NodeChecks, FailWhereStateOrMetricsCanNotBeWritten) {
  config_.state_folder = folder_ / "text.txt";
  config_.metrics_file = folder_ / "ledger.db";
  const std::vector<CheckedProperty> found = check();
  EXPECT_THAT(found, Contains(fails_at("state", "text.txt is no folder")));
  EXPECT_THAT(found, Contains(fails_at("metrics", "ledger.db")));
  config_.metrics_file = folder_ / "text.txt/me.jsonl";
  EXPECT_THAT(check(), Contains(fails_at("metrics", "text.txt is no folder")));
}

TEST_F(NodeChecks, FailWhereAnotherNodeWorksInTheStateFolder) {
  fs::create_directories(config_.state_folder);
  EXPECT_THAT(check(), Contains(is(CheckVerdict::kGood, "state")));
  EXPECT_FALSE(fs::exists(config_.state_folder / FolderLock::kFileName));
  const auto lock = FolderLock::take(config_.state_folder, LockScope::kProcess);
  ASSERT_TRUE(lock);
  EXPECT_THAT(check(), Contains(fails_at("state", config_.state_folder.string())));
}

TEST_F(NodeChecks, CompareMemoryWithWhatTheRunTakes) {
  const NodeMemory memory =
      node_memory(spec_, NodeRole::kMiner, engine_options(spec_, config_, EngineUse::kTraining), false);
  const int64_t needed = memory.engine.total() + memory.beside.total();
  options_.machine.memory_bytes = needed - 1;
  EXPECT_THAT(check(), Contains(fails_at("memory", "--recompute-layers")));
  options_.machine.memory_bytes = needed;
  EXPECT_THAT(check(), Contains(is(CheckVerdict::kWarning, "memory",
                                   human_bytes(static_cast<uint64_t>(needed)) + " are needed")));
  options_.machine.memory_bytes = 2 * needed;
  EXPECT_THAT(check(), Contains(is(CheckVerdict::kGood, "memory")));
  options_.machine.memory_bytes.reset();
  EXPECT_THAT(check(), Contains(is(CheckVerdict::kWarning, "memory", "does not say")));
  config_.micro_batch = 1;
  options_.machine.memory_bytes = needed;
  EXPECT_THAT(check(), Contains(is(CheckVerdict::kGood, "memory"))) << "the options count";
}

TEST_F(NodeChecks, CompareDisksWithWhatTheRunTakes) {
  EXPECT_THAT(check(NodeRole::kValidator), Contains(is(CheckVerdict::kGood, "disk")));
  config_.spec_file = "70B";
  config_.retention.keep_last = 1'000'000;  // more than any machine has room for
  EXPECT_THAT(check(NodeRole::kValidator),
              Contains(fails_at("disk", "checkpoints and copies of contributions in the store")));
}

TEST_F(NodeChecks, CompareThreadsWithTheProcessors) {
  config_.threads = 4;
  EXPECT_THAT(check(), Contains(is(CheckVerdict::kGood, "threads", "4 of 4 processors")));
  config_.threads = 5;
  EXPECT_THAT(check(), Contains(is(CheckVerdict::kWarning, "threads", "5 of 4 processors")));
}

TEST_F(NodeChecks, FailWithACardThatIsNotThere) {
  config_.card = 15;
  EXPECT_THAT(check(), Contains(fails_at("device", "--device cpu computes without a card")));
}

TEST_F(NodeChecks, LookAtAnEvaluatorsQuestions) {
  EXPECT_THAT(check(NodeRole::kEvaluator), Contains(is(CheckVerdict::kGood, "tasks", "none")));
  config_.evaluation.tasks_folder = folder_ / "data";
  EXPECT_THAT(check(NodeRole::kEvaluator), Contains(fails_at("tasks", "has no TASK.jsonl")));
  config_.evaluation.tasks_folder = vector_path("tasks");
  EXPECT_THAT(check(NodeRole::kEvaluator), Contains(Field(&CheckedProperty::name, "tasks")));
  config_.evaluation.num_fewshot = {"no-such-task=1"};
  EXPECT_THAT(check(NodeRole::kEvaluator), Contains(fails_at("tasks", "no-such-task=1")));
  config_.evaluation.backfill = "6:3";
  EXPECT_THAT(check(NodeRole::kEvaluator), Contains(fails_at("tasks", "6:3")));
}

TEST(ThisMachine, HasProcessorsAndMemory) {
  const MachineRoom machine = this_machine();
  EXPECT_GE(machine.processors, 1);
  EXPECT_GT(machine.memory_bytes.value_or(0), 0);
}

}  // namespace
}  // namespace templar::testing
