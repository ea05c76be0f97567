// Users and rights of a network's ledger on etcd, so that a node can write its own keys alone, and how owner
// and nodes come to it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/etcd_ledger/etcd_users.h"
#include "app/network/join_file.h"
#include "app/world/open_ledger.h"
#include "base/keys/keys.h"

namespace templar {

// Files of a folder that shows something to the ledger, the owner's or a node's.
inline constexpr const char* kLedgerPasswordName = "ledger.password";
inline constexpr const char* kLedgerCaName = "ledger-ca.pem";

// Who administers the cluster's users.
struct LedgerRoot {
  std::string user = "root";
  std::filesystem::path password_file;  // empty: nobody
};

// The ledger of `file` for that user, whose password lies in the folder as kLedgerPasswordName, certificates
// as kLedgerCaName. Without a user: for who may come as nobody.
[[nodiscard]] std::string ledger_address(const JoinFile& file, const std::filesystem::path& folder,
                                         const std::string& user);
// The owner's user.
[[nodiscard]] std::string owner_user(const Hash256& run_id);

// What a node of that role writes and reads below the run's prefix, which ends with '/'.
[[nodiscard]] std::vector<EtcdRight> rights_of_node(const std::string& prefix, NodeRole role, int64_t uid);
[[nodiscard]] std::vector<EtcdRight> rights_of_owner(const std::string& prefix);

class LedgerAccess {
 public:
  // address: the ledger's, on etcd. Fails (fatal) without a password.
  [[nodiscard]] static Result<LedgerAccess> open(const EtcdAddress& address, const Hash256& run_id,
                                                 const LedgerRoot& root);

  // The owner's user; its password goes into the folder. False where both were there.
  [[nodiscard]] Result<bool> admit_owner(const std::filesystem::path& folder) const;
  // The node with that key: one user for each key, which keeps its uid; a new one gets the lowest that nobody
  // has on the ledger or was promised. known: what it was given before, and keeps; else it gets another
  // password.
  [[nodiscard]] Result<LedgerCredentials> admit_node(const PublicKey& key, NodeRole role,
                                                     const std::vector<Registration>& registered,
                                                     const std::optional<LedgerCredentials>& known) const;
  // It can read and write nothing more. Nothing is done where it has no user.
  [[nodiscard]] Status dismiss_node(const PublicKey& key) const;
  // The cluster asks from now on, of this and of all other runs there.
  [[nodiscard]] Status begin_to_ask() const;

 private:
  LedgerAccess(std::unique_ptr<EtcdUsers> users, std::string root_password, std::string prefix,
               const Hash256& run_id)
      : users_(std::move(users)),
        root_password_(std::move(root_password)),
        prefix_(std::move(prefix)),
        run_id_(run_id) {}

  [[nodiscard]] std::string user_of(int64_t uid, const PublicKey& key) const;
  // The uid that a user's name promises to a key; nullopt: the name is none of this run's nodes.
  struct Promise {
    int64_t uid = 0;
    std::string key_digits;
  };
  [[nodiscard]] std::optional<Promise> promise_in(const std::string& name) const;
  [[nodiscard]] Result<std::vector<Promise>> promises() const;

  std::unique_ptr<EtcdUsers> users_;
  std::string root_password_;
  std::string prefix_;
  Hash256 run_id_;
};

}  // namespace templar
