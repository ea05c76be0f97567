// A run's ledger, by its address.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "adapters/etcd_ledger/etcd_address.h"
#include "adapters/etcd_ledger/etcd_client.h"
#include "core/run/run_spec.h"
#include "ports/notice_board.h"
#include "ports/signed_ledger.h"

namespace templar {

struct OpenLedgerOptions {
  bool may_create = false;  // makes an empty one where there is none; on etcd there always is one
  // How long a call waits for other writers, or for a cluster without leader. Who tries again by itself, and
  // says so, waits for moments alone.
  std::chrono::milliseconds busy_timeout = std::chrono::seconds(10);
  std::function<bool()> is_cancelled;  // of requests to other machines, see TransferOptions; empty: never
};

// A board with the run's reader of it. Thread-safe.
class OpenedLedger {
 public:
  OpenedLedger(std::unique_ptr<NoticeBoard> opened_board, const Hash256& run_id, const PublicKey& run_owner,
               bool is_on_another_machine = false);

  [[nodiscard]] NoticeBoard& board() const { return *board_; }
  [[nodiscard]] const SignedLedger& entries() const { return entries_; }
  // Whether asking costs a way through a network.
  [[nodiscard]] bool is_remote() const { return is_remote_; }

 private:
  const std::unique_ptr<NoticeBoard> board_;
  const SignedLedger entries_;
  const bool is_remote_;
};

// "sqlite:FILE", or a path, which is the same; or one on etcd. Fails (fatal) on another scheme and says which
// there are, and as parse_etcd_address.
using LedgerAddress = std::variant<std::filesystem::path, EtcdAddress>;
[[nodiscard]] Result<LedgerAddress> parse_ledger_address(const std::string& address);

// What all keys of the run begin with on etcd: the address' prefix, then 16 digits of the run's id, so that
// runs do not write over each other. Ends with '/'.
[[nodiscard]] std::string etcd_run_prefix(const EtcdAddress& address, const Hash256& run_id);

// How to ask the cluster as the address' user. Fails (fatal) where there is a user and no password.
[[nodiscard]] Result<EtcdClientOptions> etcd_client_options(const EtcdAddress& address,
                                                            const OpenLedgerOptions& options = {});

// Fails (fatal) as parse_ledger_address and the SQLite board do. Of etcd nothing is asked yet; the password
// is in the address' file, or else in TEMPLAR_ETCD_PASSWORD. Fails (fatal) where there is a user and no
// password.
[[nodiscard]] Result<std::unique_ptr<NoticeBoard>> open_notice_board(const std::string& address,
                                                                     const Hash256& run_id,
                                                                     const OpenLedgerOptions& options = {});

// Likewise, and where the run spec names no owner.
[[nodiscard]] Result<std::shared_ptr<OpenedLedger>> open_ledger(const std::string& address,
                                                                const RunSpec& spec,
                                                                const OpenLedgerOptions& options = {});

}  // namespace templar
