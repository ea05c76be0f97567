#include "app/localnet/run_adversaries.h"

#include <fmt/format.h>

#include "app/localnet/run_roster.h"
#include "base/check.h"
#include "base/random.h"

namespace templar {

Result<std::vector<AttackGroup>> attack_groups(const LocalnetOptions& options) {
  std::vector<AttackGroup> groups;
  int64_t attackers = 0;
  for (const std::string& text : options.adversaries) {
    auto group = parse_attack_group(text);
    if (!group) return annotate(group.error(), "--adversary");
    attackers += group->miners;
    groups.push_back(*group);
  }
  if (!groups.empty() && options.processes)
    return fatal_error("--adversary: leave out --processes; who attacks must see when the others are ready");
  if (attackers >= options.miners) {
    return fatal_error(fmt::format("--adversary: of {} miners (--miners) {} would attack: leave one honest",
                                   options.miners, attackers));
  }
  return groups;
}

void place_adversaries(std::span<const AttackGroup> groups, LocalRun& run) {
  std::vector<LocalNode*> miners;
  for (LocalNode& node : run.nodes) {
    if (node.role == NodeRole::kMiner) miners.push_back(&node);
  }
  size_t attackers = 0;
  for (const AttackGroup& group : groups) attackers += static_cast<size_t>(group.miners);
  CHECK(attackers <= miners.size());
  size_t next = miners.size() - attackers;
  const auto key_of = [&](size_t miner) { return localnet_key(run.spec.seed, miners[miner]->name); };
  std::vector<PublicKey> keys;
  for (size_t i = next; i < miners.size(); ++i) keys.push_back(key_of(i).public_key());
  for (const AttackGroup& group : groups) {
    const KeyPair first = key_of(next);
    for (int64_t i = 0; i < group.miners; ++i, ++next) {
      miners[next]->config.adversary = AdversaryOptions{.attack = group.attack,
                                                        .first = first.public_key(),
                                                        .first_key = first,
                                                        .attackers = keys,
                                                        .seed = mix64(run.spec.seed + next)};
    }
  }
}

}  // namespace templar
