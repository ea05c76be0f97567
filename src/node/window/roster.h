// Who takes part, as the ledger says.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "ports/ledger.h"

namespace templar {

// The validator with the most stake, of equals the one with the lowest uid; nothing if there is none.
[[nodiscard]] std::optional<Registration> leader_of(std::span<const Registration> roster);
// All validators, the leader first, then the others by stake in the same way.
[[nodiscard]] std::vector<Registration> validators_by_stake(std::span<const Registration> roster);
[[nodiscard]] const Registration* find_uid(std::span<const Registration> roster, uint32_t uid);
// The uid of a registered key.
[[nodiscard]] std::optional<uint32_t> uid_of(std::span<const Registration> roster, const PublicKey& key);

}  // namespace templar
