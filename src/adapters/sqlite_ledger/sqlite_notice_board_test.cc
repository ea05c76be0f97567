#include "adapters/sqlite_ledger/sqlite_notice_board.h"

#include <csignal>

#include "adapters/sqlite_ledger/sqlite_connection.h"
#include "base/files/file.h"
#include "support/child_process.h"
#include "support/contracts/amendment_contract.h"
#include "support/contracts/ledger_contract.h"
#include "support/contracts/notice_board_contract.h"
#include "support/temporary_folder.h"
#include "support/text_files.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;

struct SqliteBoardHarness {
  NoticeBoard& board() { return *notices; }

  TemporaryFolder folder;
  std::unique_ptr<SqliteNoticeBoard> notices = SqliteNoticeBoard::open(folder / "ledger.db").value();
};

Bytes content_of(const fs::path& path) {
  return read_file(path, 1 << 24).value();
}

void run_sql(const fs::path& path, const char* sql) {
  auto connection = SqliteConnection::open(path, true).value();
  const Status status = connection.execute(sql);
  ASSERT_TRUE(status) << status.error().message;
}

// Whether it was written, whatever was there before.
bool put(NoticeBoard& board, std::string_view key, std::string_view content) {
  const auto written = board.write(key, as_bytes(content), {});
  return written && *written;
}

std::string text_at(const NoticeBoard& board, std::string_view key) {
  const auto notice = board.read(key).value();
  return notice ? std::string(as_text(notice->content)) : "";
}

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, NoticeBoardContract, SqliteBoardHarness);
INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, LedgerContract, SqliteBoardHarness);
INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, AmendmentContract, SqliteBoardHarness);

TEST(SqliteNoticeBoard, IsTheSameBoardForWhoeverOpensIt) {
  const TemporaryFolder folder;
  const fs::path path = folder / "ledger.db";
  int64_t revision = 0;
  {
    const auto first = SqliteNoticeBoard::open(path).value();
    ASSERT_TRUE(put(*first, "a/1", "one"));
    revision = first->revision().value();
  }
  const auto again = SqliteNoticeBoard::open_existing(path).value();
  EXPECT_EQ(text_at(*again, "a/1"), "one");
  EXPECT_EQ(again->revision().value(), revision);
  const auto beside = SqliteNoticeBoard::open(path).value();
  ASSERT_TRUE(put(*beside, "a/2", "two"));
  EXPECT_EQ(again->last("a/").value()->key, "a/2");
  EXPECT_GT(again->revision().value(), revision);
}

TEST(SqliteNoticeBoard, SaysThatTheFileIsMissing) {
  const TemporaryFolder folder;
  EXPECT_TRUE(fails(SqliteNoticeBoard::open_existing(folder / "none.db"), ErrorKind::kFatal,
                    "none.db: No such file or directory"));
  EXPECT_FALSE(fs::exists(folder / "none.db"));
  EXPECT_TRUE(fails(SqliteNoticeBoard::open(folder / "no/such/folder.db"), ErrorKind::kFatal,
                    "folder.db: No such file or directory"));
}

TEST(SqliteNoticeBoard, RefusesAFileThatIsNoLedgerAndLeavesItAsItIs) {
  const TemporaryFolder folder;
  const fs::path text = folder / "text";
  write_text(text, std::string(5000, 'x'));
  run_sql(folder / "other.db", "CREATE TABLE t (x)");
  run_sql(folder / "newer.db",
          "CREATE TABLE t (x); PRAGMA application_id = 1414548562; PRAGMA user_version = 4");
  run_sql(folder / "older.db",
          "CREATE TABLE t (x); PRAGMA application_id = 1414548562; PRAGMA user_version = 2");
  const auto expect_refused = [](const fs::path& path, const char* reason) {
    const Bytes before = content_of(path);
    EXPECT_TRUE(fails(SqliteNoticeBoard::open(path), ErrorKind::kFatal, reason));
    EXPECT_TRUE(fails(SqliteNoticeBoard::open_existing(path), ErrorKind::kFatal, reason));
    EXPECT_EQ(content_of(path), before);
  };
  expect_refused(text, "text: not an SQLite database");
  expect_refused(folder / "other.db", "other.db: an SQLite database, but not a ledger");
  expect_refused(folder / "newer.db", "newer.db: schema version 4, this program reads version 3");
  expect_refused(folder / "older.db", "older.db: made by an earlier version of this program");
  EXPECT_TRUE(fails(SqliteNoticeBoard::open(folder.path()), ErrorKind::kFatal, "Is a directory"));
}

TEST(SqliteNoticeBoard, SaysThatAFileIsCorrupt) {
  const TemporaryFolder folder;
  const fs::path path = folder / "ledger.db";
  {
    const auto board = SqliteNoticeBoard::open(path).value();
    for (int i = 0; i < 60; ++i)
      ASSERT_TRUE(put(*board, "notice/" + std::to_string(i), std::string(500, 'x') + std::to_string(i)));
  }
  const Bytes whole = content_of(path);
  ASSERT_GT(whole.size(), 20000u);
  for (const size_t kept : {size_t{50}, size_t{4096}, whole.size() / 2}) {
    const fs::path cut = folder / ("cut-" + std::to_string(kept));
    ASSERT_TRUE(write_file_atomically(cut, ByteView(whole).first(kept)));
    const auto opened = SqliteNoticeBoard::open_existing(cut);
    EXPECT_TRUE(fails(opened, ErrorKind::kFatal, "cut-" + std::to_string(kept)));
  }
  Bytes overwritten = whole;
  std::fill(overwritten.begin() + 4096, overwritten.end(), uint8_t{0x5a});
  ASSERT_TRUE(write_file_atomically(folder / "overwritten", overwritten));
  EXPECT_TRUE(fails(SqliteNoticeBoard::open_existing(folder / "overwritten"), ErrorKind::kFatal, "corrupt"));
  EXPECT_TRUE(fails(SqliteNoticeBoard::open(folder / "overwritten"), ErrorKind::kFatal, "corrupt"));
}

TEST(SqliteNoticeBoard, IsMadeWholeByOneOfManyProcesses) {
  const TemporaryFolder folder;
  std::vector<std::unique_ptr<ChildProcess>> openers;
  for (int i = 0; i < 6; ++i) {
    openers.push_back(std::make_unique<ChildProcess>([&, i] {
      const auto board = SqliteNoticeBoard::open(folder / "ledger.db");
      if (!board) std::cerr << board.error().message << '\n';
      return board && put(**board, "by/" + std::to_string(i), "x") ? 0 : 1;
    }));
  }
  for (const auto& opener : openers) EXPECT_EQ(opener->wait(), 0);
  EXPECT_EQ(SqliteNoticeBoard::open(folder / "ledger.db").value()->list("by/").value().size(), 6u);
}

TEST(SqliteNoticeBoard, LetsOneOfManyProcessesWin) {
  constexpr int kProcesses = 4;
  constexpr int kRounds = 100;
  const TemporaryFolder folder;
  const fs::path path = folder / "ledger.db";
  ASSERT_TRUE(SqliteNoticeBoard::open(path));
  const auto take = [&](int process) {
    const auto board = SqliteNoticeBoard::open_existing(path).value();
    int won = 0;
    for (int round = 0; round < kRounds; ++round) {
      const std::string key = "round/" + std::to_string(round);
      const auto written = board->write(key, as_bytes("x"), std::vector<NoticeCondition>{{key, 0}});
      if (!written) return 2;
      won += *written ? 1 : 0;
    }
    return put(*board, "won/" + std::to_string(process), std::to_string(won)) ? 0 : 3;
  };
  std::vector<std::unique_ptr<ChildProcess>> takers;
  for (int process = 0; process < kProcesses; ++process)
    takers.push_back(std::make_unique<ChildProcess>([&, process] { return take(process); }));
  const auto reader = SqliteNoticeBoard::open_existing(path).value();
  int64_t last = -1;
  for (bool running = true; running;) {
    const auto revision = reader->revision();
    ASSERT_TRUE(revision) << revision.error().message;
    ASSERT_GE(*revision, last);
    last = *revision;
    running = false;
    for (const auto& taker : takers) running = taker->running() || running;
  }
  int won = 0;
  for (const auto& taker : takers) EXPECT_EQ(taker->wait(), 0);
  for (int process = 0; process < kProcesses; ++process)
    won += std::stoi(text_at(*reader, "won/" + std::to_string(process)));
  EXPECT_EQ(won, kRounds);
}

TEST(SqliteNoticeBoard, KeepsWholeWritesOfWritersKilledAtAnyInstant) {
  const TemporaryFolder folder;
  const fs::path path = folder / "ledger.db";
  ASSERT_TRUE(SqliteNoticeBoard::open(path));
  for (int round = 0; round < 5; ++round) {
    ChildProcess writer([&] {
      const auto board = SqliteNoticeBoard::open_existing(path).value();
      for (int i = 0;; ++i) {
        if (!put(*board, "a", std::string(2000, static_cast<char>('a' + i % 26)))) return 1;
      }
    });
    const auto board = SqliteNoticeBoard::open_existing(path).value();
    const int64_t before = board->revision().value();
    while (board->revision().value() < before + 3 + round) ASSERT_TRUE(writer.running());
    writer.kill_now();
    EXPECT_EQ(writer.wait(), -SIGKILL);
    const std::string text = text_at(*board, "a");
    EXPECT_EQ(text, std::string(2000, text.at(0)));
    EXPECT_TRUE(put(*board, "b", "1")) << "the dead writer holds no lock";
    EXPECT_TRUE(SqliteNoticeBoard::open_existing(path));
  }
}

TEST(SqliteNoticeBoard, WaitsForAnotherWriterAsLongAsItIsTold) {
  const TemporaryFolder folder;
  const fs::path path = folder / "ledger.db";
  ASSERT_TRUE(SqliteNoticeBoard::open(path));
  const auto board =
      SqliteNoticeBoard::open_existing(path, {.busy_timeout = std::chrono::milliseconds(1)}).value();
  auto other = SqliteConnection::open(path, false).value();
  ASSERT_TRUE(other.execute("BEGIN IMMEDIATE"));
  EXPECT_TRUE(
      fails(board->write("a", as_bytes("x"), {}), ErrorKind::kRetry, "ledger.db: database is locked"));
  EXPECT_TRUE(board->list("")) << "reading goes on";
  ASSERT_TRUE(other.execute("ROLLBACK"));
  EXPECT_TRUE(put(*board, "a", "x"));
}

TEST(SqliteNoticeBoard, ChangesNothingWhenTheDiskIsFull) {
  const TemporaryFolder folder;
  const fs::path path = folder / "ledger.db";
  ASSERT_TRUE(put(*SqliteNoticeBoard::open(path).value(), "a", "before"));
  const int end = run_in_child([&] {
    limit_file_size(100000, false);
    const auto board = SqliteNoticeBoard::open_existing(path).value();
    if (!put(*board, "a", "small")) return 1;
    Status refused;
    for (int i = 0; i < 10 && refused; ++i) {
      const auto written = board->write("large/" + std::to_string(i), Bytes(kMaxNoticeBytes), {});
      if (!written) refused = std::unexpected(written.error());
    }
    if (!fails(refused, ErrorKind::kFatal, "ledger.db: ")) return 2;
    return text_at(*board, "a") == "small" ? 0 : 3;
  });
  EXPECT_EQ(end, 0);
  const auto board = SqliteNoticeBoard::open_existing(path).value();
  EXPECT_EQ(text_at(*board, "a"), "small");
  EXPECT_TRUE(put(*board, "b", "after"));
}

}  // namespace templar::testing
