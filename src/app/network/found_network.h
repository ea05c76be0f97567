// Founding a network: the owner's key, the run spec, the ledger with its users, the first validators' stake,
// and the join file.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "app/network/join_file.h"
#include "app/network/ledger_access.h"
#include "base/keys/keys.h"

namespace templar {

// What a network's folder holds, besides the join file.
inline constexpr const char* kOwnerKeyName = "owner.key";
inline constexpr const char* kNetworkSpecName = "run_spec.json";
inline constexpr const char* kCredentialsFolder = "credentials";
inline constexpr const char* kOwnValidatorFolder = "validator";
// And a node's.
inline constexpr const char* kNodeKeyName = "node.key";
inline constexpr const char* kCredentialsName = "credentials.json";

struct FoundOptions {
  std::filesystem::path folder;
  std::string spec = "tiny";         // a preset's name or a file
  std::vector<std::string> changes;  // FIELD=VALUE
  std::string data;                  // a prepared data set's folder or address; empty: none is named
  std::string ledger;                // an address; empty: a file in the folder
  std::string store;                 // a folder that all nodes share; empty: each has a place of its own
  // PUBLIC_KEY or PUBLIC_KEY=STAKE, the first one a founder; none: one is made in the folder.
  std::vector<std::string> validators;
  LedgerRoot root;
};

// One thing that there is now.
struct FoundThing {
  std::string what;   // "owner's key"
  std::string where;  // a path, an address, a key
  bool is_new = false;
};

struct FoundNetwork {
  JoinFile join_file;
  std::filesystem::path join_path;
  PublicKey owner;
  std::vector<PublicKey> validators;
  bool has_own_validator = false;  // in kOwnValidatorFolder
};

// Makes what is missing and leaves what is there, so that the same call completes one that failed. seen: each
// thing, at once. Fails (fatal) and says what to do: the folder holds another run than the options ask for,
// the data does not fit it, ... Fails (retry) where the ledger could not be asked.
[[nodiscard]] Result<FoundNetwork> found_network(const FoundOptions& options,
                                                 const std::function<void(const FoundThing&)>& seen);

// "node-DIGITS.json" in the folder's credentials folder: what the node with that key shows to the ledger.
[[nodiscard]] std::filesystem::path credentials_path(const std::filesystem::path& folder,
                                                     const PublicKey& key);
// Gives the node a user, and writes what it shows to the ledger into that folder of the owner's. True where
// it is new. Fails as LedgerAccess::admit_node.
[[nodiscard]] Result<bool> write_credentials(const LedgerAccess& access, const std::filesystem::path& folder,
                                             const PublicKey& key, NodeRole role,
                                             const std::vector<Registration>& registered);

}  // namespace templar
