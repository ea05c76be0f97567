// Miners of a localnet that attack the others: the last ones, as --adversary says.
#pragma once

#include "app/localnet/run_folder.h"
#include "sim/adversaries/attack.h"

namespace templar {

// What --adversary names. Fails (fatal) as parse_attack_group does, where no honest miner would be left, and
// where each node would be a process of its own.
[[nodiscard]] Result<std::vector<AttackGroup>> attack_groups(const LocalnetOptions& options);
// Gives the last miners of the run their attacks; the groups in their order.
void place_adversaries(std::span<const AttackGroup> groups, LocalRun& run);

}  // namespace templar
