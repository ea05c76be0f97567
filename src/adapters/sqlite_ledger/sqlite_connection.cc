#include "adapters/sqlite_ledger/sqlite_connection.h"

#include <sqlite3.h>

#include <cerrno>

#include "base/check.h"
#include "base/files/system_error.h"
#include "base/log/log.h"

namespace templar {
namespace {

std::unexpected<Error> sqlite_error(sqlite3* connection, int code, const std::string& name) {
  const char* reason = connection != nullptr ? sqlite3_errmsg(connection) : sqlite3_errstr(code);
  const std::string message = "ledger " + name + ": " + reason;
  // SQLite's own words for these, such as "unable to open database file", say nothing of their cause.
  const int cause = connection != nullptr ? sqlite3_system_errno(connection) : 0;
  switch (code & 0xff) {
    case SQLITE_FULL:
      return retry_error("ledger " + name + ": " + system_message(cause != 0 ? cause : ENOSPC));
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
      return cause != 0 ? system_error("ledger " + name, cause) : fatal_error(message);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_PROTOCOL:
      return retry_error(message);
    case SQLITE_NOTADB:
      return fatal_error("ledger " + name + ": not an SQLite database");
    case SQLITE_CORRUPT:
      return fatal_error("ledger " + name + ": the file is corrupt (" + reason + ")");
    default:
      return fatal_error(message);
  }
}

}  // namespace

void SqliteClose::operator()(sqlite3* connection) const {
  sqlite3_close_v2(connection);
}
void SqliteFinalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

void SqliteStatement::bind(int parameter, int64_t value) {
  CHECK(sqlite3_bind_int64(statement_.get(), parameter, value) == SQLITE_OK);
}

void SqliteStatement::bind(int parameter, double value) {
  CHECK(sqlite3_bind_double(statement_.get(), parameter, value) == SQLITE_OK);
}

void SqliteStatement::bind(int parameter, std::string_view value) {
  CHECK(sqlite3_bind_text(statement_.get(), parameter, value.data(), static_cast<int>(value.size()),
                          SQLITE_TRANSIENT) == SQLITE_OK);
}

void SqliteStatement::bind(int parameter, ByteView value) {
  CHECK(sqlite3_bind_blob(statement_.get(), parameter, value.data(), static_cast<int>(value.size()),
                          SQLITE_TRANSIENT) == SQLITE_OK);
}

Result<bool> SqliteStatement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return sqlite_error(sqlite3_db_handle(statement_.get()), code, *name_);
}

Status SqliteStatement::run() {
  TRY_ASSIGN(const bool row, step());
  CHECK(!row);
  return {};
}

void SqliteStatement::reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}

int64_t SqliteStatement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}
double SqliteStatement::real(int column) const {
  return sqlite3_column_double(statement_.get(), column);
}

std::string SqliteStatement::text(int column) const {
  const auto* begin = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  return begin == nullptr
             ? std::string()
             : std::string(begin, static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column)));
}

ByteView SqliteStatement::blob(int column) const {
  const auto* begin = static_cast<const uint8_t*>(sqlite3_column_blob(statement_.get(), column));
  return {begin, begin == nullptr ? 0 : static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

Result<SqliteConnection> SqliteConnection::open(const std::filesystem::path& path, bool create,
                                                std::chrono::milliseconds busy_timeout) {
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (create ? SQLITE_OPEN_CREATE : 0);
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  std::unique_ptr<sqlite3, SqliteClose> connection(raw);
  if (code != SQLITE_OK) return sqlite_error(raw, code, path.string());
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, static_cast<int>(busy_timeout.count()));
  return SqliteConnection(std::move(connection), std::make_unique<std::string>(path.string()));
}

void SqliteConnection::pause(std::chrono::milliseconds pause) {
  sqlite3_sleep(static_cast<int>(pause.count()));
}

Status SqliteConnection::execute(const char* sql) {
  const int code = sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return sqlite_error(connection_.get(), code, *name_);
  return {};
}

Result<SqliteStatement> SqliteConnection::prepare(const char* sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(connection_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (code != SQLITE_OK) return sqlite_error(connection_.get(), code, *name_);
  return SqliteStatement(std::unique_ptr<sqlite3_stmt, SqliteFinalize>(raw), name_.get());
}

Result<int64_t> SqliteConnection::integer(const char* sql) {
  TRY_ASSIGN(SqliteStatement statement, prepare(sql));
  TRY_ASSIGN(const bool row, statement.step());
  if (!row) return fatal_error("ledger " + *name_ + ": nothing for " + sql);
  return statement.integer(0);
}

Result<std::string> SqliteConnection::text(const char* sql) {
  TRY_ASSIGN(SqliteStatement statement, prepare(sql));
  TRY_ASSIGN(const bool row, statement.step());
  if (!row) return fatal_error("ledger " + *name_ + ": nothing for " + sql);
  return statement.text(0);
}

Result<SqliteTransaction> SqliteTransaction::begin(SqliteConnection& connection) {
  TRY(connection.execute("BEGIN IMMEDIATE"));
  return SqliteTransaction(connection);
}

SqliteTransaction::~SqliteTransaction() {
  if (connection_ == nullptr) return;
  if (const Status status = connection_->execute("ROLLBACK"); !status) {
    // Some errors roll back by themselves, and then there is nothing left to do.
    log(LogLevel::kDebug, "ledger", "rollback", {{"reason", status.error().message}});
  }
}

Status SqliteTransaction::commit() {
  TRY(connection_->execute("COMMIT"));
  connection_ = nullptr;
  return {};
}

}  // namespace templar
