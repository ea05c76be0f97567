#include "app/world/open_ledger.h"

#include <fmt/format.h>

#include <utility>

#include "adapters/sqlite_ledger/sqlite_notice_board.h"

namespace templar {
namespace {

constexpr std::string_view kSqliteScheme = "sqlite:";

}  // namespace

OpenedLedger::OpenedLedger(std::unique_ptr<NoticeBoard> opened_board, const Hash256& run_id,
                           const PublicKey& run_owner)
    : board_(std::move(opened_board)), entries_(*board_, run_id, run_owner) {}

Result<std::filesystem::path> parse_ledger_address(const std::string& address) {
  if (address.empty()) return fatal_error("--ledger: no address: give a file, or sqlite:FILE");
  if (address.starts_with(kSqliteScheme)) return std::filesystem::path(address.substr(kSqliteScheme.size()));
  const size_t colon = address.find(':');
  const size_t slash = address.find('/');
  if (colon == std::string::npos || slash < colon) return std::filesystem::path(address);
  return fatal_error(fmt::format("--ledger {}: a ledger's address is a file, or sqlite:FILE", address));
}

Result<std::unique_ptr<NoticeBoard>> open_notice_board(const std::string& address,
                                                       const OpenLedgerOptions& options) {
  TRY_ASSIGN(const std::filesystem::path file, parse_ledger_address(address));
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
  TRY_ASSIGN(auto board, open_notice_board(address, options));
  return std::make_shared<OpenedLedger>(std::move(board), run_id(spec), owner);
}

}  // namespace templar
