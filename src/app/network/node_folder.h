// The folder of a node that has joined a network: its key, the run spec, what it shows to the ledger, and the
// configuration that its verb reads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "app/network/join_file.h"
#include "base/keys/keys.h"
#include "core/protocol/ledger_entry.h"

namespace templar {

inline constexpr const char* kNodeConfigName = "node.toml";

struct JoinOptions {
  std::filesystem::path join_file;    // or the folder that has it
  std::filesystem::path folder;       // the node's own
  std::filesystem::path credentials;  // empty: those in the folder
  NodeRole role = NodeRole::kMiner;
  // What the join file does not say, or what this node has otherwise; empty: as the join file says.
  std::string data, store, store_profile, read_key_file;
  std::optional<int64_t> threads;  // none: all processors
};

struct NodeFolder {
  JoinFile network;
  std::filesystem::path config_file;
  PublicKey key;
  std::string ledger;  // its address with the node's own user
};

// Makes what is missing in the folder and leaves what is there; nothing is asked of the network. nullopt: the
// ledger has users and the node has no credentials yet; `key` is told all the same. Fails (fatal) and says
// what to do: the folder is another run's or another role's, no store or no data is named, ...
[[nodiscard]] Result<std::optional<NodeFolder>> prepare_node_folder(const JoinOptions& options,
                                                                    PublicKey& key);

// What the owner has said of a node.
enum class Admission {
  kAdmitted,
  kWithoutStake,  // a validator that leads nothing
  kRemoved,
};
// Asks the ledger. Fails as that does, and (fatal) where this program does not speak the run's protocol.
[[nodiscard]] Result<Admission> admission_of(const NodeFolder& node, NodeRole role,
                                             const std::function<bool()>& is_cancelled);

}  // namespace templar
