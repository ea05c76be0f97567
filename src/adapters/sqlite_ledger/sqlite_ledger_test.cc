#include "adapters/sqlite_ledger/sqlite_ledger.h"

#include <csignal>

#include "adapters/sqlite_ledger/sqlite_connection.h"
#include "base/files/file.h"
#include "ports/ledger_clock.h"
#include "support/child_process.h"
#include "support/contracts/ledger_contract.h"
#include "support/temporary_folder.h"
#include "support/text_files.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;

struct SqliteHarness {
  static constexpr uint64_t kSeed = 0xfedcba9876543210;
  LedgerReader& reader() { return *ledger; }
  LedgerWriter& writer() { return *ledger; }
  BlockMaker& maker() { return *ledger; }

  TemporaryFolder folder;
  std::unique_ptr<SqliteLedger> ledger = SqliteLedger::open(folder / "ledger.db", kSeed).value();
};

Bytes content_of(const fs::path& path) {
  return read_file(path, 1 << 24).value();
}

void run_sql(const fs::path& path, const char* sql) {
  auto connection = SqliteConnection::open(path, true).value();
  const Status status = connection.execute(sql);
  ASSERT_TRUE(status) << status.error().message;
}

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, LedgerContract, SqliteHarness);

TEST(SqliteLedger, IsTheSameLedgerForWhoeverOpensIt) {
  const TemporaryFolder folder;
  const fs::path path = folder / "ledger.db";
  {
    const auto first = SqliteLedger::open(path, 5).value();
    ASSERT_TRUE(first->make_block(1000));
    ASSERT_TRUE(first->register_node(node_with(9, NodeRole::kValidator, 2.5)));
    ASSERT_TRUE(first->set_weights(0, {{4, 0.75}}));
  }
  const auto again = SqliteLedger::open_existing(path).value();
  EXPECT_EQ(again->seed(), 5u);
  EXPECT_EQ(again->latest_block().value(), (Block{0, 1000, local_block_hash(5, 0)}));
  EXPECT_EQ(again->registrations().value().at(0).stake, 2.5);
  EXPECT_THAT(again->weights(0).value(), ::testing::ElementsAre(WeightEntry{4, 0.75}));
  const auto beside = SqliteLedger::open(path, 5).value();
  ASSERT_TRUE(beside->make_block(2000));
  EXPECT_EQ(again->latest_block().value()->number, 1);
  EXPECT_EQ(LedgerClock(*again).now_ms(), 2000);
}

TEST(SqliteLedger, RefusesAnotherSeed) {
  const TemporaryFolder folder;
  ASSERT_TRUE(SqliteLedger::open(folder / "ledger.db", 5));
  EXPECT_TRUE(fails(SqliteLedger::open(folder / "ledger.db", 6), ErrorKind::kFatal,
                    "ledger.db: made with seed 5, not 6"));
  EXPECT_TRUE(SqliteLedger::open(folder / "ledger.db", 5));
}

TEST(SqliteLedger, SaysThatTheFileIsMissing) {
  const TemporaryFolder folder;
  EXPECT_TRUE(fails(SqliteLedger::open_existing(folder / "none.db"), ErrorKind::kFatal,
                    "none.db: No such file or directory"));
  EXPECT_FALSE(fs::exists(folder / "none.db"));
  EXPECT_TRUE(fails(SqliteLedger::open(folder / "no/such/folder.db", 1), ErrorKind::kFatal,
                    "folder.db: No such file or directory"));
}

TEST(SqliteLedger, RefusesAFileThatIsNoLedgerAndLeavesItAsItIs) {
  const TemporaryFolder folder;
  const fs::path text = folder / "text";
  write_text(text, std::string(5000, 'x'));
  run_sql(folder / "other.db", "CREATE TABLE t (x)");
  run_sql(folder / "newer.db",
          "CREATE TABLE t (x); PRAGMA application_id = 1414548562; PRAGMA user_version = 3");
  const auto expect_refused = [](const fs::path& path, const char* reason) {
    const Bytes before = content_of(path);
    EXPECT_TRUE(fails(SqliteLedger::open(path, 1), ErrorKind::kFatal, reason));
    EXPECT_TRUE(fails(SqliteLedger::open_existing(path), ErrorKind::kFatal, reason));
    EXPECT_EQ(content_of(path), before);
  };
  expect_refused(text, "text: not an SQLite database");
  expect_refused(folder / "other.db", "other.db: an SQLite database, but not a ledger");
  expect_refused(folder / "newer.db", "newer.db: schema version 3, this program reads version 2");
  EXPECT_TRUE(fails(SqliteLedger::open(folder.path(), 1), ErrorKind::kFatal, "Is a directory"));
}

TEST(SqliteLedger, AddsStoresToALedgerOfTheFirstVersion) {
  const TemporaryFolder folder;
  const fs::path path = folder / "old.db";
  run_sql(path, R"(
      CREATE TABLE ledger (one INTEGER PRIMARY KEY CHECK (one = 1), seed INTEGER NOT NULL) STRICT;
      CREATE TABLE blocks (number INTEGER PRIMARY KEY CHECK (number >= 0), time_ms INTEGER NOT NULL) STRICT;
      CREATE TABLE nodes (
        uid INTEGER PRIMARY KEY CHECK (uid BETWEEN 0 AND 4294967295),
        role INTEGER NOT NULL CHECK (role BETWEEN 0 AND 2),
        key BLOB NOT NULL UNIQUE CHECK (length(key) = 32),
        bucket TEXT NOT NULL UNIQUE,
        stake REAL NOT NULL CHECK (stake >= 0)) STRICT;
      CREATE TABLE weights (
        validator_uid INTEGER NOT NULL REFERENCES nodes (uid),
        uid INTEGER NOT NULL CHECK (uid BETWEEN 0 AND 4294967295),
        weight REAL NOT NULL CHECK (weight >= 0),
        PRIMARY KEY (validator_uid, uid)) STRICT, WITHOUT ROWID;
      INSERT INTO ledger VALUES (1, 5);
      INSERT INTO blocks VALUES (0, 77);
      INSERT INTO nodes VALUES (0, 0, zeroblob(32), 'bucket-0', 0);
      PRAGMA application_id = 1414548562; PRAGMA user_version = 1)");
  for (int opened = 0; opened < 2; ++opened) {
    const auto ledger = SqliteLedger::open(path, 5).value();
    EXPECT_EQ(ledger->latest_block().value()->time_ms, 77);
    Registration node = ledger->registrations().value().at(0);
    EXPECT_EQ(node.bucket, "bucket-0");
    EXPECT_EQ(node.store, opened == 0 ? "" : "s3://there?endpoint=https://s3.example");
    node.store = "s3://there?endpoint=https://s3.example";
    EXPECT_EQ(ledger->register_node(node).value(), 0u);
  }
}

TEST(SqliteLedger, SaysThatAFileIsCorrupt) {
  const TemporaryFolder folder;
  const fs::path path = folder / "ledger.db";
  {
    const auto ledger = SqliteLedger::open(path, 1).value();
    ASSERT_TRUE(ledger->register_node(node_with(1, NodeRole::kValidator)));
    std::vector<WeightEntry> many;
    for (uint32_t uid = 0; uid < 3000; ++uid) many.push_back({uid, 1.0 / (uid + 3)});
    ASSERT_TRUE(ledger->set_weights(0, many));
  }
  const Bytes whole = content_of(path);
  ASSERT_GT(whole.size(), 20000u);
  for (const size_t kept : {size_t{50}, size_t{4096}, whole.size() / 2}) {
    const fs::path cut = folder / ("cut-" + std::to_string(kept));
    ASSERT_TRUE(write_file_atomically(cut, ByteView(whole).first(kept)));
    const auto opened = SqliteLedger::open_existing(cut);
    EXPECT_TRUE(fails(opened, ErrorKind::kFatal, "cut-" + std::to_string(kept)));
  }
  Bytes overwritten = whole;
  std::fill(overwritten.begin() + 4096, overwritten.end(), uint8_t{0x5a});
  ASSERT_TRUE(write_file_atomically(folder / "overwritten", overwritten));
  EXPECT_TRUE(fails(SqliteLedger::open_existing(folder / "overwritten"), ErrorKind::kFatal, "corrupt"));
  EXPECT_TRUE(fails(SqliteLedger::open(folder / "overwritten", 1), ErrorKind::kFatal, "corrupt"));
}

TEST(SqliteLedger, IsMadeWholeByOneOfManyProcesses) {
  const TemporaryFolder folder;
  std::vector<std::unique_ptr<ChildProcess>> openers;
  for (int i = 0; i < 6; ++i) {
    openers.push_back(std::make_unique<ChildProcess>([&] {
      const auto ledger = SqliteLedger::open(folder / "ledger.db", 3);
      if (!ledger) std::cerr << ledger.error().message << '\n';
      return ledger && (*ledger)->make_block(0) ? 0 : 1;
    }));
  }
  for (const auto& opener : openers) EXPECT_EQ(opener->wait(), 0);
  EXPECT_EQ(SqliteLedger::open(folder / "ledger.db", 3).value()->latest_block().value()->number, 5);
}

TEST(SqliteLedger, TakesWritesOfManyProcessesWhileOthersRead) {
  constexpr int kProcesses = 4;
  constexpr int kRounds = 30;
  const TemporaryFolder folder;
  const fs::path path = folder / "ledger.db";
  ASSERT_TRUE(SqliteLedger::open(path, 3).value()->register_node(node_with(255, NodeRole::kValidator)));
  const auto write = [&](int process) {
    const auto ledger = SqliteLedger::open_existing(path).value();
    for (int round = 0; round < kRounds; ++round) {
      if (!ledger->make_block(1)) return 1;
      if (!ledger->register_node(node_with(static_cast<uint8_t>(process * kRounds + round)))) return 2;
      if (!ledger->set_weights(0, {{1, static_cast<double>(round)}, {2, static_cast<double>(round)}}))
        return 3;
    }
    return 0;
  };
  std::vector<std::unique_ptr<ChildProcess>> writers;
  for (int process = 0; process < kProcesses; ++process) {
    writers.push_back(std::make_unique<ChildProcess>([&, process] { return write(process); }));
  }
  const auto reader = SqliteLedger::open_existing(path).value();
  int64_t last = -1;
  for (bool running = true; running;) {
    const auto block = reader->latest_block();
    ASSERT_TRUE(block) << block.error().message;
    const int64_t number = *block ? (*block)->number : -1;
    ASSERT_GE(number, last);
    last = number;
    const auto weights = reader->weights(0).value();
    ASSERT_TRUE(weights.empty() || (weights.size() == 2 && weights[0].weight == weights[1].weight));
    running = false;
    for (const auto& writer : writers) running = writer->running() || running;
  }
  for (const auto& writer : writers) EXPECT_EQ(writer->wait(), 0);
  EXPECT_EQ(reader->latest_block().value()->number, kProcesses * kRounds - 1);
  EXPECT_EQ(reader->registrations().value().size(), static_cast<size_t>(kProcesses * kRounds + 1));
}

TEST(SqliteLedger, KeepsWholeCallsOfWritersKilledAtAnyInstant) {
  const TemporaryFolder folder;
  const fs::path path = folder / "ledger.db";
  ASSERT_TRUE(SqliteLedger::open(path, 3).value()->register_node(node_with(255, NodeRole::kValidator)));
  for (int round = 0; round < 5; ++round) {
    ChildProcess writer([&] {
      const auto ledger = SqliteLedger::open_existing(path).value();
      for (double i = 0;; ++i) {
        if (!ledger->make_block(1) || !ledger->set_weights(0, {{1, i}, {2, i}, {3, i}})) return 1;
      }
    });
    const auto ledger = SqliteLedger::open_existing(path).value();
    const auto number = [&] { return ledger->latest_block().value().value_or(Block{.number = -1}).number; };
    const int64_t before = number();
    while (number() < before + 3 + round) ASSERT_TRUE(writer.running());
    writer.kill_now();
    EXPECT_EQ(writer.wait(), -SIGKILL);
    const auto weights = ledger->weights(0).value();
    ASSERT_EQ(weights.size(), 3u);
    EXPECT_EQ(weights[0].weight, weights[2].weight);
    EXPECT_TRUE(ledger->make_block(1)) << "the dead writer holds no lock";
    EXPECT_TRUE(SqliteLedger::open_existing(path));
  }
}

TEST(SqliteLedger, WaitsForAnotherWriterAsLongAsItIsTold) {
  const TemporaryFolder folder;
  const fs::path path = folder / "ledger.db";
  ASSERT_TRUE(SqliteLedger::open(path, 3));
  const auto ledger =
      SqliteLedger::open_existing(path, {.busy_timeout = std::chrono::milliseconds(1)}).value();
  auto other = SqliteConnection::open(path, false).value();
  ASSERT_TRUE(other.execute("BEGIN IMMEDIATE"));
  EXPECT_TRUE(fails(ledger->make_block(1), ErrorKind::kRetry, "ledger.db: database is locked"));
  EXPECT_TRUE(ledger->latest_block()) << "reading goes on";
  ASSERT_TRUE(other.execute("ROLLBACK"));
  EXPECT_TRUE(ledger->make_block(1));
}

TEST(SqliteLedger, SeesWhoHasRegisteredSinceItAskedLast) {
  const TemporaryFolder folder;
  const auto one = SqliteLedger::open(folder / "ledger.db", 3).value();
  const auto two = SqliteLedger::open(folder / "ledger.db", 3).value();
  EXPECT_TRUE(one->registrations().value().empty());
  ASSERT_TRUE(two->register_node(node_with(1, NodeRole::kValidator)));
  EXPECT_EQ(one->registrations().value().size(), 1u);
  ASSERT_TRUE(one->register_node(node_with(2, NodeRole::kMiner)));
  EXPECT_EQ(one->registrations().value().size(), 2u);
  EXPECT_EQ(two->registrations().value().size(), 2u);
  ASSERT_TRUE(two->register_node(node_with(1, NodeRole::kValidator, 7)));
  EXPECT_EQ(one->registrations().value().at(0).stake, 7);
}

TEST(SqliteLedger, ChangesNothingWhenTheDiskIsFull) {
  const TemporaryFolder folder;
  const fs::path path = folder / "ledger.db";
  ASSERT_TRUE(SqliteLedger::open(path, 3).value()->register_node(node_with(1, NodeRole::kValidator)));
  const int end = run_in_child([&] {
    limit_file_size(200000, false);
    const auto ledger = SqliteLedger::open_existing(path).value();
    std::vector<WeightEntry> many;
    for (uint32_t uid = 0; uid < 20000; ++uid) many.push_back({uid, 1.0 / (uid + 3)});
    if (!ledger->set_weights(0, {{5, 0.5}})) return 1;
    const auto refused = fails(ledger->set_weights(0, many), ErrorKind::kFatal, "ledger.db: ");
    if (!refused) std::cerr << refused.message() << '\n';
    if (!refused) return 2;
    return ledger->weights(0).value() == std::vector<WeightEntry>{{5, 0.5}} ? 0 : 3;
  });
  EXPECT_EQ(end, 0);
  const auto ledger = SqliteLedger::open_existing(path).value();
  EXPECT_THAT(ledger->weights(0).value(), ::testing::ElementsAre(WeightEntry{5, 0.5}));
  EXPECT_TRUE(ledger->make_block(1));
}

}  // namespace templar::testing
