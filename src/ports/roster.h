// Who takes part in the run, by the ledger's registrations. Pure functions.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "ports/ledger.h"

namespace templar {

// The validator with the most stake, of equals the one with the lowest uid; nullopt if there is none.
[[nodiscard]] std::optional<Registration> most_staked_validator(std::span<const Registration> roster);
// All validators by stake, of equals the one with the lower uid first.
[[nodiscard]] std::vector<Registration> validators_by_stake(std::span<const Registration> roster);
// The uids of all miners, in the roster's order.
[[nodiscard]] std::vector<uint32_t> miner_uids(std::span<const Registration> roster);
// nullptr if the uid is not registered; points into the roster.
[[nodiscard]] const Registration* find_uid(std::span<const Registration> roster, uint32_t uid);
// nullopt if the key is not registered.
[[nodiscard]] std::optional<uint32_t> uid_of(std::span<const Registration> roster, const PublicKey& key);

}  // namespace templar
