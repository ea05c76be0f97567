#include "adapters/sqlite_ledger/sqlite_ledger.h"

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
constexpr int64_t kSchemaVersion = 2;
constexpr int64_t kUpgradedVersion = 1;

// A block's hash follows from the seed and its number, so it is not stored.
constexpr const char* kSchema = R"(
CREATE TABLE ledger (one INTEGER PRIMARY KEY CHECK (one = 1), seed INTEGER NOT NULL) STRICT;
CREATE TABLE blocks (number INTEGER PRIMARY KEY CHECK (number >= 0), time_ms INTEGER NOT NULL) STRICT;
CREATE TABLE nodes (
  uid INTEGER PRIMARY KEY CHECK (uid BETWEEN 0 AND 4294967295),
  role INTEGER NOT NULL CHECK (role BETWEEN 0 AND 2),
  key BLOB NOT NULL UNIQUE CHECK (length(key) = 32),
  bucket TEXT NOT NULL UNIQUE,
  store TEXT NOT NULL DEFAULT '',
  stake REAL NOT NULL CHECK (stake >= 0)) STRICT;
CREATE TABLE weights (
  validator_uid INTEGER NOT NULL REFERENCES nodes (uid),
  uid INTEGER NOT NULL CHECK (uid BETWEEN 0 AND 4294967295),
  weight REAL NOT NULL CHECK (weight >= 0),
  PRIMARY KEY (validator_uid, uid)) STRICT, WITHOUT ROWID;
PRAGMA application_id = 1414548562;
PRAGMA user_version = 2;
)";
static_assert(kApplicationId == 1414548562 && kSchemaVersion == 2, "the schema's last lines say the same");

std::unexpected<Error> corrupt(const SqliteConnection& connection, const std::string& what) {
  return fatal_error("ledger " + connection.name() + ": the file is corrupt (" + what + ")");
}

// Makes the schema in an empty file. Whoever comes first makes it; the others find it made.
Status create_schema(SqliteConnection& connection, uint64_t seed) {
  TRY_ASSIGN(SqliteTransaction transaction, SqliteTransaction::begin(connection));
  TRY_ASSIGN(const int64_t tables, connection.integer("SELECT count(*) FROM sqlite_schema"));
  if (tables != 0) return {};
  TRY(connection.execute(kSchema));
  TRY_ASSIGN(SqliteStatement insert, connection.prepare("INSERT INTO ledger (one, seed) VALUES (1, ?1)"));
  insert.bind(1, std::bit_cast<int64_t>(seed));
  TRY(insert.run());
  insert.reset();
  return transaction.commit();
}

// Ledgers of version 1 have no addresses of stores. Whoever comes first adds them.
Status upgrade_schema(SqliteConnection& connection) {
  TRY_ASSIGN(SqliteTransaction transaction, SqliteTransaction::begin(connection));
  TRY_ASSIGN(const int64_t version, connection.integer("PRAGMA user_version"));
  if (version != kUpgradedVersion) return {};
  TRY(connection.execute(
      "ALTER TABLE nodes ADD COLUMN store TEXT NOT NULL DEFAULT ''; PRAGMA user_version = 2;"));
  return transaction.commit();
}

Status check_schema(SqliteConnection& connection) {
  TRY_ASSIGN(const int64_t application, connection.integer("PRAGMA application_id"));
  if (application != kApplicationId) {
    return fatal_error("ledger " + connection.name() + ": an SQLite database, but not a ledger");
  }
  TRY_ASSIGN(const int64_t version, connection.integer("PRAGMA user_version"));
  if (version != kSchemaVersion && version != kUpgradedVersion) {
    return fatal_error(fmt::format("ledger {}: schema version {}, this program reads version {}",
                                   connection.name(), version, kSchemaVersion));
  }
  TRY_ASSIGN(const std::string problem, connection.text("PRAGMA quick_check(1)"));
  if (problem != "ok") return corrupt(connection, problem);
  return version == kUpgradedVersion ? upgrade_schema(connection) : Status();
}

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
  TRY(connection.execute("PRAGMA cache_size = -256"));  // KiB: what is asked for lies in a few pages
  return connection.execute("PRAGMA foreign_keys = ON");
}

}  // namespace

struct SqliteLedger::Database {
  explicit Database(SqliteConnection opened) : connection(std::move(opened)) {}

  // To be called once, before all else.
  [[nodiscard]] Status prepare() EXCLUDES(mutex);
  [[nodiscard]] Block read_block(const SqliteStatement& row) const REQUIRES(mutex);
  [[nodiscard]] Result<std::optional<Block>> latest_block() REQUIRES(mutex);
  // Read again only where they may have changed: every node asks for them all the time.
  [[nodiscard]] Result<std::vector<Registration>> registrations() REQUIRES(mutex);
  [[nodiscard]] Result<std::vector<Registration>> read_registrations() REQUIRES(mutex);

  uint64_t seed = 0;  // prepare() sets it, nobody changes it afterwards
  Mutex mutex;
  SqliteConnection connection GUARDED_BY(mutex);
  // As of that change by other connections; ours go away with a change of our own.
  std::optional<std::vector<Registration>> known_registrations GUARDED_BY(mutex);
  int64_t known_at_change GUARDED_BY(mutex) = 0;
  SqliteStatement select_change GUARDED_BY(mutex);
  SqliteStatement select_latest GUARDED_BY(mutex);
  SqliteStatement select_block GUARDED_BY(mutex);
  SqliteStatement select_nodes GUARDED_BY(mutex);
  SqliteStatement select_weights GUARDED_BY(mutex);
  SqliteStatement insert_block GUARDED_BY(mutex);
  SqliteStatement upsert_node GUARDED_BY(mutex);
  SqliteStatement delete_weights GUARDED_BY(mutex);
  SqliteStatement insert_weight GUARDED_BY(mutex);
};

Status SqliteLedger::Database::prepare() {
  const MutexLock lock(mutex);
  TRY_ASSIGN(const int64_t stored, connection.integer("SELECT seed FROM ledger"));
  seed = std::bit_cast<uint64_t>(stored);
  const std::pair<SqliteStatement*, const char*> statements[] = {
      {&select_change, "PRAGMA data_version"},
      {&select_latest, "SELECT number, time_ms FROM blocks ORDER BY number DESC LIMIT 1"},
      {&select_block, "SELECT number, time_ms FROM blocks WHERE number = ?1"},
      {&select_nodes, "SELECT uid, role, key, bucket, stake, store FROM nodes ORDER BY uid"},
      {&select_weights, "SELECT uid, weight FROM weights WHERE validator_uid = ?1 ORDER BY uid"},
      {&insert_block, "INSERT INTO blocks (number, time_ms) VALUES (?1, ?2)"},
      {&upsert_node,
       "INSERT INTO nodes (uid, role, key, bucket, stake, store) VALUES (?1, ?2, ?3, ?4, ?5, ?6) "
       "ON CONFLICT (uid) DO UPDATE SET role = ?2, bucket = ?4, stake = ?5, store = ?6"},
      {&delete_weights, "DELETE FROM weights WHERE validator_uid = ?1"},
      {&insert_weight, "INSERT INTO weights (validator_uid, uid, weight) VALUES (?1, ?2, ?3)"},
  };
  for (const auto& [statement, sql] : statements) {
    TRY_ASSIGN(*statement, connection.prepare(sql));
  }
  return {};
}

Block SqliteLedger::Database::read_block(const SqliteStatement& row) const {
  const int64_t number = row.integer(0);
  return {number, row.integer(1), local_block_hash(seed, number)};
}

Result<std::optional<Block>> SqliteLedger::Database::latest_block() {
  const SqliteUse use(select_latest);
  TRY_ASSIGN(const bool row, use->step());
  if (!row) return std::nullopt;
  return read_block(select_latest);
}

Result<std::vector<Registration>> SqliteLedger::Database::registrations() {
  int64_t change = 0;
  {
    const SqliteUse use(select_change);
    TRY_ASSIGN(const bool row, use->step());
    if (!row) return corrupt(connection, "no data_version");
    change = use->integer(0);
  }
  if (!known_registrations || change != known_at_change) {
    // Should others change them between the two, they are newer than the number, and are read once more.
    known_registrations.reset();
    TRY_ASSIGN(known_registrations, read_registrations());
    known_at_change = change;
  }
  return *known_registrations;
}

Result<std::vector<Registration>> SqliteLedger::Database::read_registrations() {
  const SqliteUse use(select_nodes);
  std::vector<Registration> nodes;
  for (;;) {
    TRY_ASSIGN(const bool row, use->step());
    if (!row) return nodes;
    const int64_t uid = use->integer(0);
    const int64_t role = use->integer(1);
    const ByteView key = use->blob(2);
    Registration node;
    if (uid < 0 || uid > std::numeric_limits<uint32_t>::max() || role < 0 || role > 2 ||
        key.size() != node.key.bytes.size()) {
      return corrupt(connection, fmt::format("node {}", uid));
    }
    node.uid = static_cast<uint32_t>(uid);
    node.role = static_cast<NodeRole>(role);
    std::ranges::copy(key, node.key.bytes.begin());
    node.bucket = use->text(3);
    node.stake = use->real(4);
    node.store = use->text(5);
    nodes.push_back(std::move(node));
  }
}

SqliteLedger::SqliteLedger(std::unique_ptr<Database> database) : database_(std::move(database)) {}
SqliteLedger::~SqliteLedger() = default;
uint64_t SqliteLedger::seed() const {
  return database_->seed;
}

Result<std::unique_ptr<SqliteLedger>> SqliteLedger::open(const std::filesystem::path& path, uint64_t seed) {
  {
    TRY_ASSIGN(SqliteConnection connection, SqliteConnection::open(path, true));
    TRY_ASSIGN(const int64_t tables, connection.integer("SELECT count(*) FROM sqlite_schema"));
    // Asked without the write lock first: nearly every start finds them made.
    if (tables == 0) TRY(create_schema(connection, seed));
  }
  TRY_ASSIGN(std::unique_ptr<SqliteLedger> ledger, open_existing(path));
  if (ledger->seed() != seed) {
    return fatal_error(
        fmt::format("ledger {}: made with seed {}, not {}", path.string(), ledger->seed(), seed));
  }
  return ledger;
}

Result<std::unique_ptr<SqliteLedger>> SqliteLedger::open_existing(const std::filesystem::path& path,
                                                                  const SqliteLedgerOptions& options) {
  TRY_ASSIGN(SqliteConnection connection, SqliteConnection::open(path, false, options.busy_timeout));
  TRY(check_schema(connection));
  TRY(configure(connection, options.busy_timeout));
  auto database = std::make_unique<Database>(std::move(connection));
  TRY(database->prepare());
  return std::unique_ptr<SqliteLedger>(new SqliteLedger(std::move(database)));
}

Result<std::optional<Block>> SqliteLedger::latest_block() const {
  const MutexLock lock(database_->mutex);
  return database_->latest_block();
}

Result<std::optional<Block>> SqliteLedger::block(int64_t number) const {
  const MutexLock lock(database_->mutex);
  const SqliteUse use(database_->select_block);
  use->bind(1, number);
  TRY_ASSIGN(const bool row, use->step());
  if (!row) return std::nullopt;
  return database_->read_block(database_->select_block);
}

Result<std::vector<Registration>> SqliteLedger::registrations() const {
  const MutexLock lock(database_->mutex);
  return database_->registrations();
}

Result<std::vector<WeightEntry>> SqliteLedger::weights(uint32_t validator_uid) const {
  const MutexLock lock(database_->mutex);
  const SqliteUse use(database_->select_weights);
  use->bind(1, static_cast<int64_t>(validator_uid));
  std::vector<WeightEntry> weights;
  for (;;) {
    TRY_ASSIGN(const bool row, use->step());
    if (!row) return weights;
    weights.push_back({static_cast<uint32_t>(use->integer(0)), use->real(1)});
  }
}

Result<uint32_t> SqliteLedger::register_node(const Registration& wanted) {
  const MutexLock lock(database_->mutex);
  TRY_ASSIGN(SqliteTransaction transaction, SqliteTransaction::begin(database_->connection));
  TRY_ASSIGN(const std::vector<Registration> registered, database_->registrations());
  TRY_ASSIGN(const uint32_t uid, assign_uid(registered, wanted));
  {
    const SqliteUse use(database_->upsert_node);
    use->bind(1, static_cast<int64_t>(uid));
    use->bind(2, static_cast<int64_t>(wanted.role));
    use->bind(3, ByteView(wanted.key.bytes));
    use->bind(4, std::string_view(wanted.bucket));
    use->bind(5, wanted.stake);
    use->bind(6, std::string_view(wanted.store));
    TRY(use->run());
  }
  database_->known_registrations.reset();  // before the commit: it may succeed and still say that it failed
  TRY(transaction.commit());
  return uid;
}

Status SqliteLedger::set_weights(uint32_t validator_uid, const std::vector<WeightEntry>& weights) {
  TRY(check_weights(weights));
  const MutexLock lock(database_->mutex);
  TRY_ASSIGN(SqliteTransaction transaction, SqliteTransaction::begin(database_->connection));
  TRY_ASSIGN(const std::vector<Registration> registered, database_->registrations());
  TRY(check_is_validator(registered, validator_uid));
  {
    const SqliteUse use(database_->delete_weights);
    use->bind(1, static_cast<int64_t>(validator_uid));
    TRY(use->run());
  }
  for (const WeightEntry& entry : weights) {
    const SqliteUse use(database_->insert_weight);
    use->bind(1, static_cast<int64_t>(validator_uid));
    use->bind(2, static_cast<int64_t>(entry.uid));
    use->bind(3, entry.weight);
    TRY(use->run());
  }
  return transaction.commit();
}

Result<Block> SqliteLedger::make_block(TimestampMs time_ms) {
  const MutexLock lock(database_->mutex);
  TRY_ASSIGN(SqliteTransaction transaction, SqliteTransaction::begin(database_->connection));
  TRY_ASSIGN(const std::optional<Block> latest, database_->latest_block());
  TRY(check_block_time(latest, time_ms));
  const int64_t number = latest ? latest->number + 1 : 0;
  {
    const SqliteUse use(database_->insert_block);
    use->bind(1, number);
    use->bind(2, time_ms);
    TRY(use->run());
  }
  TRY(transaction.commit());
  return Block{number, time_ms, local_block_hash(database_->seed, number)};
}

}  // namespace templar
