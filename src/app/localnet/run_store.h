// Where the nodes of a localnet put their objects and find their ledger: --store and what belongs to it, and
// --ledger.
#pragma once

#include <filesystem>
#include <string>

#include "app/world/network_store.h"
#include "core/run/run_spec.h"
#include "ports/ledger.h"

namespace templar {

// Fails (fatal) where the stores' clock, or their address, can't be that of such a run.
[[nodiscard]] Status check_store_option(const OwnStoreOptions& store, bool processes, const RunSpec& spec);

// Fails (fatal) where it is none on etcd, or the nodes share a process. Empty: the run's own file.
[[nodiscard]] Status check_ledger_option(const std::string& ledger, bool processes);
// The address for that node; file: where none is given.
[[nodiscard]] std::string ledger_of_node(const std::string& ledger, const std::filesystem::path& file,
                                         const std::string& name);
// The prefix of a checked address; empty: it is the run's own file.
[[nodiscard]] std::string ledger_prefix(const std::string& ledger);

// The node's own, by its name. folder: where there is no address.
[[nodiscard]] OwnStoreOptions store_of_node(OwnStoreOptions store, const std::filesystem::path& folder,
                                            NodeRole role, const std::string& name);

// A run goes on where its objects are: fails (fatal) where that is elsewhere.
[[nodiscard]] Status agree_on_store(const Registration& known, const std::string& wanted,
                                    const std::string& node);

}  // namespace templar
