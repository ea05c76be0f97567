#include "app/world/open_ledger.h"

#include <fmt/format.h>

#include <cstdlib>
#include <utility>

#include "adapters/etcd_ledger/etcd_notice_board.h"
#include "adapters/http/limited_http_server.h"
#include "adapters/sqlite_ledger/sqlite_notice_board.h"
#include "app/command_line/variables.h"
#include "base/keys/secret_file.h"
#include "base/log/log.h"
#include "base/uuid.h"
#include "ports/store_address.h"

namespace templar {
namespace {

constexpr std::string_view kSqliteScheme = "sqlite:";
constexpr size_t kRunDigits = 16;

Result<std::string> etcd_password(const EtcdAddress& address) {
  const char* variable = std::getenv(kEtcdPasswordVariable);
  TRY_ASSIGN(std::string password, read_secret(address.password_file, variable == nullptr ? "" : variable));
  if (!password.empty()) return password;
  return fatal_error(fmt::format(
      "--ledger: no password for the user {}: set {}, or write password-file=FILE into the address",
      address.user, kEtcdPasswordVariable));
}

void warn_of_clear_passwords(const EtcdAddress& address) {
  if (address.user.empty()) return;
  for (const std::string& text : address.endpoints) {
    const auto endpoint = parse_endpoint(text);
    if (!endpoint || endpoint->is_https || is_loopback(endpoint->host)) continue;
    log(LogLevel::kWarning, "ledger", "whoever is on the way to the server can read the password: use https",
        {{"server", text}, {"user", address.user}});
  }
}

}  // namespace

OpenedLedger::OpenedLedger(std::unique_ptr<NoticeBoard> opened_board, const Hash256& run_id,
                           const PublicKey& run_owner, bool is_on_another_machine)
    : board_(std::move(opened_board)),
      entries_(*board_, run_id, run_owner),
      is_remote_(is_on_another_machine) {}

Result<LedgerAddress> parse_ledger_address(const std::string& address) {
  constexpr const char* kForms = "a file, sqlite:FILE, or etcd:https://HOST:2379,HOST:2379/PREFIX?user=NAME";
  if (address.empty()) return fatal_error(fmt::format("--ledger: no address: give {}", kForms));
  if (is_etcd_address(address)) {
    auto etcd = parse_etcd_address(address);
    // The address itself is not repeated: somebody may have put a password there.
    if (!etcd) return annotate(etcd.error(), "--ledger");
    return *std::move(etcd);
  }
  if (address.starts_with(kSqliteScheme)) return std::filesystem::path(address.substr(kSqliteScheme.size()));
  const size_t colon = address.find(':');
  const size_t slash = address.find('/');
  if (colon == std::string::npos || slash < colon) return std::filesystem::path(address);
  return fatal_error(fmt::format("--ledger {}: a ledger's address is {}", address, kForms));
}

Result<EtcdClientOptions> etcd_client_options(const EtcdAddress& address, const OpenLedgerOptions& options) {
  EtcdClientOptions client;
  client.endpoints = address.endpoints;
  client.user = address.user;
  client.transfers.ca_file = address.ca_file;
  client.transfers.is_cancelled = options.is_cancelled;
  client.retry.jitter_seed = std::hash<std::string>()(random_uuid());
  if (options.busy_timeout < std::chrono::seconds(1)) client.retry.most_retries = 0;
  if (address.user.empty()) return client;
  // Before the node begins its work, and not in the middle of it.
  TRY(etcd_password(address));
  warn_of_clear_passwords(address);
  client.password = [address] { return etcd_password(address); };
  return client;
}

std::string etcd_run_prefix(const EtcdAddress& address, const Hash256& run_id) {
  return fmt::format("{}/{}/", address.prefix, run_id.hex().substr(0, kRunDigits));
}

Result<std::unique_ptr<NoticeBoard>> open_notice_board(const std::string& address, const Hash256& run_id,
                                                       const OpenLedgerOptions& options) {
  TRY_ASSIGN(const LedgerAddress parsed, parse_ledger_address(address));
  if (const auto* etcd = std::get_if<EtcdAddress>(&parsed)) {
    EtcdBoardOptions board{.prefix = etcd_run_prefix(*etcd, run_id), .client = {}, .watch = {}};
    TRY_ASSIGN(board.client, etcd_client_options(*etcd, options));
    return std::make_unique<EtcdNoticeBoard>(std::move(board));
  }
  const auto& file = std::get<std::filesystem::path>(parsed);
  if (options.may_create) TRY(SqliteNoticeBoard::open(file));
  return SqliteNoticeBoard::open_existing(file, {.busy_timeout = options.busy_timeout});
}

Result<std::shared_ptr<OpenedLedger>> open_ledger(const std::string& address, const RunSpec& spec,
                                                  const OpenLedgerOptions& options) {
  if (spec.network.owner.empty()) {
    return fatal_error(fmt::format(
        "run {}: its spec names no owner (network.owner), whose word counts on the ledger; make a key with "
        "`templar key new` and set it with --set network.owner=PUBLIC_KEY",
        spec.name));
  }
  TRY_ASSIGN(const PublicKey owner, parse_public_key(spec.network.owner));
  TRY_ASSIGN(auto board, open_notice_board(address, run_id(spec), options));
  return std::make_shared<OpenedLedger>(std::move(board), run_id(spec), owner, is_etcd_address(address));
}

}  // namespace templar
