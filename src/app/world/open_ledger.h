// A run's ledger, by its address.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "core/run/run_spec.h"
#include "ports/notice_board.h"
#include "ports/signed_ledger.h"

namespace templar {

struct OpenLedgerOptions {
  bool may_create = false;  // makes an empty one where there is none
  // How long a call waits for other writers. Who tries again by itself, and says so, waits for moments alone.
  std::chrono::milliseconds busy_timeout = std::chrono::seconds(10);
};

// A board with the run's reader of it. Thread-safe.
class OpenedLedger {
 public:
  OpenedLedger(std::unique_ptr<NoticeBoard> opened_board, const Hash256& run_id, const PublicKey& run_owner);

  [[nodiscard]] NoticeBoard& board() const { return *board_; }
  [[nodiscard]] const SignedLedger& entries() const { return entries_; }

 private:
  const std::unique_ptr<NoticeBoard> board_;
  const SignedLedger entries_;
};

// "sqlite:FILE", or a path, which is the same. Fails (fatal) on another scheme and says which there are.
[[nodiscard]] Result<std::filesystem::path> parse_ledger_address(const std::string& address);

// Fails (fatal) as parse_ledger_address and the board do.
[[nodiscard]] Result<std::unique_ptr<NoticeBoard>> open_notice_board(const std::string& address,
                                                                     const OpenLedgerOptions& options = {});

// Likewise, and where the run spec names no owner.
[[nodiscard]] Result<std::shared_ptr<OpenedLedger>> open_ledger(const std::string& address,
                                                                const RunSpec& spec,
                                                                const OpenLedgerOptions& options = {});

}  // namespace templar
