// SQLite as this project's values: connections, prepared statements and transactions whose errors are
// Results. Internal to the ledger; sqlite3.h stays in the .cc.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace templar {

struct SqliteClose {
  void operator()(sqlite3* connection) const;
};
struct SqliteFinalize {
  void operator()(sqlite3_stmt* statement) const;
};

// A prepared statement; one use of it at a time. Columns and parameters are numbered as SQLite does: columns
// from 0, parameters from 1.
class SqliteStatement {
 public:
  SqliteStatement() = default;
  SqliteStatement(std::unique_ptr<sqlite3_stmt, SqliteFinalize> statement, const std::string* name)
      : statement_(std::move(statement)), name_(name) {}

  // Parameters stay bound until the next reset().
  void bind(int parameter, int64_t value);
  void bind(int parameter, double value);
  void bind(int parameter, std::string_view value);  // copied
  void bind(int parameter, ByteView value);          // copied
  // True if there is a row, false at the end.
  [[nodiscard]] Result<bool> step();
  // Runs it to its end, for statements without rows.
  [[nodiscard]] Status run();
  // Ends the read that step() began; must follow every use.
  void reset();

  [[nodiscard]] int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] ByteView blob(int column) const;  // valid until the next step() or reset()

 private:
  std::unique_ptr<sqlite3_stmt, SqliteFinalize> statement_;
  const std::string* name_ = nullptr;
};

// Resets a statement at the end of a scope.
class SqliteUse {
 public:
  explicit SqliteUse(SqliteStatement& statement) : statement_(statement) {}
  SqliteUse(const SqliteUse&) = delete;
  SqliteUse& operator=(const SqliteUse&) = delete;
  ~SqliteUse() { statement_.reset(); }
  SqliteStatement* operator->() const { return &statement_; }

 private:
  SqliteStatement& statement_;
};

// Not thread-safe. Errors name the file: retry where it was busy, where the disk is full or the process has
// too many files open, fatal otherwise.
class SqliteConnection {
 public:
  // create: makes an empty file where there is none. busy_timeout: how long a call waits for other writers.
  [[nodiscard]] static Result<SqliteConnection> open(
      const std::filesystem::path& path, bool create,
      std::chrono::milliseconds busy_timeout = std::chrono::seconds(10));

  // Lets others go first.
  static void pause(std::chrono::milliseconds pause);
  [[nodiscard]] Status execute(const char* sql);
  [[nodiscard]] Result<SqliteStatement> prepare(const char* sql);
  // The only value of a statement that gives one integer.
  [[nodiscard]] Result<int64_t> integer(const char* sql);
  [[nodiscard]] Result<std::string> text(const char* sql);
  [[nodiscard]] const std::string& name() const { return *name_; }

 private:
  SqliteConnection(std::unique_ptr<sqlite3, SqliteClose> connection, std::unique_ptr<std::string> name)
      : name_(std::move(name)), connection_(std::move(connection)) {}

  std::unique_ptr<std::string> name_;  // statements point to it
  std::unique_ptr<sqlite3, SqliteClose> connection_;
};

// A transaction that holds the write lock from its beginning; rolled back unless it was committed.
class SqliteTransaction {
 public:
  [[nodiscard]] static Result<SqliteTransaction> begin(SqliteConnection& connection);
  SqliteTransaction(SqliteTransaction&& other) noexcept
      : connection_(std::exchange(other.connection_, nullptr)) {}
  SqliteTransaction& operator=(SqliteTransaction&&) = delete;
  ~SqliteTransaction();
  [[nodiscard]] Status commit();

 private:
  explicit SqliteTransaction(SqliteConnection& connection) : connection_(&connection) {}
  SqliteConnection* connection_;
};

}  // namespace templar
