#include "adapters/sqlite_ledger/sqlite_notice_board.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <limits>
#include <optional>

#include "adapters/sqlite_ledger/sqlite_connection.h"
#include "base/back_off.h"
#include "base/threads/mutex.h"

namespace templar {
namespace {

constexpr int64_t kApplicationId = 0x54504c52;  // "TPLR", where SQLite keeps whose file it is
constexpr int64_t kSchemaVersion = 3;

constexpr const char* kSchema = R"(
CREATE TABLE board (one INTEGER PRIMARY KEY CHECK (one = 1), revision INTEGER NOT NULL) STRICT;
CREATE TABLE notices (
  key TEXT PRIMARY KEY NOT NULL,
  content BLOB NOT NULL,
  revision INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO board (one, revision) VALUES (1, 0);
PRAGMA application_id = 1414548562;
PRAGMA user_version = 3;
)";
static_assert(kApplicationId == 1414548562 && kSchemaVersion == 3, "the schema's last lines say the same");

std::unexpected<Error> corrupt(const SqliteConnection& connection, const std::string& what) {
  return fatal_error("ledger " + connection.name() + ": the file is corrupt (" + what + ")");
}

// Makes the schema in an empty file. Whoever comes first makes it; the others find it made.
Status create_schema(SqliteConnection& connection) {
  TRY_ASSIGN(SqliteTransaction transaction, SqliteTransaction::begin(connection));
  TRY_ASSIGN(const int64_t tables, connection.integer("SELECT count(*) FROM sqlite_schema"));
  if (tables != 0) return {};
  TRY(connection.execute(kSchema));
  return transaction.commit();
}

Status check_schema(SqliteConnection& connection) {
  TRY_ASSIGN(const int64_t application, connection.integer("PRAGMA application_id"));
  if (application != kApplicationId) {
    return fatal_error("ledger " + connection.name() + ": an SQLite database, but not a ledger");
  }
  TRY_ASSIGN(const int64_t version, connection.integer("PRAGMA user_version"));
  if (version < kSchemaVersion) {
    return fatal_error(fmt::format(
        "ledger {}: made by an earlier version of this program (schema version {}, this one has {}): its "
        "entries are not signed, so its run can't be gone on with",
        connection.name(), version, kSchemaVersion));
  }
  if (version > kSchemaVersion) {
    return fatal_error(fmt::format("ledger {}: schema version {}, this program reads version {}",
                                   connection.name(), version, kSchemaVersion));
  }
  TRY_ASSIGN(const std::string problem, connection.text("PRAGMA quick_check(1)"));
  if (problem != "ok") return corrupt(connection, problem);
  return {};
}

constexpr auto kLookPause = std::chrono::milliseconds(5);
constexpr auto kModePause = std::chrono::milliseconds(5);

// Settings that belong to the connection, and the journal's mode, which stays with the file.
Status configure(SqliteConnection& connection, std::chrono::milliseconds busy_timeout) {
  // While several processes open a new file at once, SQLite refuses the change of mode without waiting as it
  // does elsewhere.
  TRY_ASSIGN(const std::string mode,
             retry(
                 {.first_pause = kModePause,
                  .longest_pause = kModePause,
                  .most_retries = static_cast<int>(busy_timeout / kModePause)},
                 ErrorKind::kRetry, [&] { return connection.text("PRAGMA journal_mode = WAL"); },
                 SqliteConnection::pause));
  if (mode != "wal")
    return fatal_error("ledger " + connection.name() + ": its file system allows no WAL journal, only " +
                       mode);
  TRY(connection.execute("PRAGMA synchronous = FULL"));
  return connection.execute("PRAGMA cache_size = -256");  // KiB: what is asked for lies in a few pages
}

}  // namespace

struct SqliteNoticeBoard::Database {
  explicit Database(SqliteConnection opened) : connection(std::move(opened)) {}

  // To be called once, before all else.
  [[nodiscard]] Status prepare() EXCLUDES(mutex);
  [[nodiscard]] Result<int64_t> revision() REQUIRES(mutex);
  [[nodiscard]] Result<std::optional<Notice>> read(std::string_view key) REQUIRES(mutex);
  [[nodiscard]] Status put(std::string_view key, ByteView content, int64_t at) REQUIRES(mutex);

  Mutex mutex;
  SqliteConnection connection GUARDED_BY(mutex);
  SqliteStatement select_revision GUARDED_BY(mutex);
  SqliteStatement select_one GUARDED_BY(mutex);
  SqliteStatement select_all GUARDED_BY(mutex);
  SqliteStatement select_last GUARDED_BY(mutex);
  SqliteStatement update_revision GUARDED_BY(mutex);
  SqliteStatement upsert GUARDED_BY(mutex);
};

Status SqliteNoticeBoard::Database::prepare() {
  const MutexLock lock(mutex);
  const std::pair<SqliteStatement*, const char*> statements[] = {
      {&select_revision, "SELECT revision FROM board"},
      {&select_one, "SELECT key, content, revision FROM notices WHERE key = ?1"},
      {&select_all,
       "SELECT key, content, revision FROM notices WHERE key >= ?1 AND key < ?1 || '~' ORDER BY key"},
      {&select_last,
       "SELECT key, content, revision FROM notices WHERE key >= ?1 AND key < ?1 || '~' "
       "ORDER BY key DESC LIMIT 1"},
      {&update_revision, "UPDATE board SET revision = ?1"},
      {&upsert,
       "INSERT INTO notices (key, content, revision) VALUES (?1, ?2, ?3) "
       "ON CONFLICT (key) DO UPDATE SET content = ?2, revision = ?3"},
  };
  for (const auto& [statement, sql] : statements) {
    TRY_ASSIGN(*statement, connection.prepare(sql));
  }
  return {};
}

namespace {

Notice notice_of(const SqliteStatement& row) {
  const ByteView content = row.blob(1);
  return {.key = row.text(0), .content = {content.begin(), content.end()}, .revision = row.integer(2)};
}

}  // namespace

Result<int64_t> SqliteNoticeBoard::Database::revision() {
  const SqliteUse use(select_revision);
  TRY_ASSIGN(const bool row, use->step());
  if (!row) return corrupt(connection, "no revision");
  return use->integer(0);
}

Result<std::optional<Notice>> SqliteNoticeBoard::Database::read(std::string_view key) {
  const SqliteUse use(select_one);
  use->bind(1, key);
  TRY_ASSIGN(const bool row, use->step());
  if (!row) return std::nullopt;
  return notice_of(select_one);
}

Status SqliteNoticeBoard::Database::put(std::string_view key, ByteView content, int64_t at) {
  {
    const SqliteUse use(update_revision);
    use->bind(1, at);
    TRY(use->run());
  }
  const SqliteUse use(upsert);
  use->bind(1, key);
  use->bind(2, content);
  use->bind(3, at);
  return use->run();
}

SqliteNoticeBoard::SqliteNoticeBoard(std::unique_ptr<Database> database) : database_(std::move(database)) {}
SqliteNoticeBoard::~SqliteNoticeBoard() = default;

Result<std::unique_ptr<SqliteNoticeBoard>> SqliteNoticeBoard::open(const std::filesystem::path& path) {
  {
    TRY_ASSIGN(SqliteConnection connection, SqliteConnection::open(path, true));
    TRY_ASSIGN(const int64_t tables, connection.integer("SELECT count(*) FROM sqlite_schema"));
    // Asked without the write lock first: nearly every start finds them made.
    if (tables == 0) TRY(create_schema(connection));
  }
  return open_existing(path);
}

Result<std::unique_ptr<SqliteNoticeBoard>> SqliteNoticeBoard::open_existing(
    const std::filesystem::path& path, const SqliteBoardOptions& options) {
  TRY_ASSIGN(SqliteConnection connection, SqliteConnection::open(path, false, options.busy_timeout));
  TRY(check_schema(connection));
  TRY(configure(connection, options.busy_timeout));
  auto database = std::make_unique<Database>(std::move(connection));
  TRY(database->prepare());
  return std::unique_ptr<SqliteNoticeBoard>(new SqliteNoticeBoard(std::move(database)));
}

Result<std::optional<Notice>> SqliteNoticeBoard::read(std::string_view key) const {
  const MutexLock lock(database_->mutex);
  return database_->read(key);
}

Result<std::vector<Notice>> SqliteNoticeBoard::list(std::string_view prefix) const {
  const MutexLock lock(database_->mutex);
  const SqliteUse use(database_->select_all);
  use->bind(1, prefix);
  std::vector<Notice> notices;
  for (;;) {
    TRY_ASSIGN(const bool row, use->step());
    if (!row) return notices;
    notices.push_back(notice_of(database_->select_all));
  }
}

Result<std::optional<Notice>> SqliteNoticeBoard::last(std::string_view prefix) const {
  const MutexLock lock(database_->mutex);
  const SqliteUse use(database_->select_last);
  use->bind(1, prefix);
  TRY_ASSIGN(const bool row, use->step());
  if (!row) return std::nullopt;
  return notice_of(database_->select_last);
}

Result<int64_t> SqliteNoticeBoard::revision() const {
  const MutexLock lock(database_->mutex);
  return database_->revision();
}

bool SqliteNoticeBoard::wait_for_change(int64_t since, std::chrono::milliseconds at_most) const {
  for (;; at_most -= kLookPause) {
    const auto now = revision();
    if (!now || *now > since) return true;
    if (at_most <= std::chrono::milliseconds(0)) return false;
    SqliteConnection::pause(std::min(at_most, kLookPause));
  }
}

Result<bool> SqliteNoticeBoard::write(std::string_view key, ByteView content,
                                      std::span<const NoticeCondition> conditions) {
  TRY(check_notice(key, content));
  const MutexLock lock(database_->mutex);
  TRY_ASSIGN(SqliteTransaction transaction, SqliteTransaction::begin(database_->connection));
  for (const NoticeCondition& condition : conditions) {
    TRY_ASSIGN(const std::optional<Notice> there, database_->read(condition.key));
    if ((there ? there->revision : 0) != condition.revision) return false;
  }
  TRY_ASSIGN(const int64_t revision, database_->revision());
  TRY(database_->put(key, content, revision + 1));
  TRY(transaction.commit());
  return true;
}

}  // namespace templar
