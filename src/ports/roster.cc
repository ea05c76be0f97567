#include "ports/roster.h"

#include <algorithm>
#include <iterator>

namespace templar {

std::vector<Registration> validators_by_stake(std::span<const Registration> roster) {
  std::vector<Registration> validators;
  std::ranges::copy_if(roster, std::back_inserter(validators),
                       [](const Registration& node) { return node.role == NodeRole::kValidator; });
  std::ranges::stable_sort(validators, [](const Registration& a, const Registration& b) {
    return a.stake != b.stake ? a.stake > b.stake : a.uid < b.uid;
  });
  return validators;
}

std::optional<Registration> most_staked_validator(std::span<const Registration> roster) {
  const std::vector<Registration> validators = validators_by_stake(roster);
  if (validators.empty()) return std::nullopt;
  return validators.front();
}

std::vector<uint32_t> miner_uids(std::span<const Registration> roster) {
  std::vector<uint32_t> uids;
  for (const Registration& node : roster) {
    if (node.role == NodeRole::kMiner) uids.push_back(node.uid);
  }
  return uids;
}

const Registration* find_uid(std::span<const Registration> roster, uint32_t uid) {
  const auto found = std::ranges::find(roster, uid, &Registration::uid);
  return found == roster.end() ? nullptr : &*found;
}

std::optional<uint32_t> uid_of(std::span<const Registration> roster, const PublicKey& key) {
  const auto found = std::ranges::find(roster, key, &Registration::key);
  if (found == roster.end()) return std::nullopt;
  return found->uid;
}

}  // namespace templar
