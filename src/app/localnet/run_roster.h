// Who takes part in a localnet: keys, which follow from the seed, stakes, and the registrations of all.
#pragma once

#include <cstdint>

#include "app/localnet/run_folder.h"
#include "app/world/open_ledger.h"
#include "base/keys/keys.h"
#include "core/run/run_spec.h"

namespace templar {

// Keys of a localnet guard nothing: they follow from the run's seed and the node's name, so that the same
// seed gives the same run.
[[nodiscard]] KeyPair localnet_key(uint64_t seed, const std::string& name);
// The run's owner, who makes its blocks.
[[nodiscard]] KeyPair localnet_owner(uint64_t seed);
// Names it in the spec. Fails (fatal) where the spec names another.
[[nodiscard]] Status name_owner(RunSpec& spec);
// Makes the keys that are missing, gives the validators stake, and registers miners and validators in the
// order of their uids. Fails (fatal) where the ledger gives a node another uid than it is to have.
[[nodiscard]] Status register_nodes(const LocalRun& run, const OpenedLedger& ledger);

}  // namespace templar
