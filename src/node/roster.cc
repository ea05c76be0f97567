#include "node/roster.h"

#include <algorithm>

namespace templar {

std::optional<Registration> leader_of(std::span<const Registration> roster) {
  const Registration* leader = nullptr;
  for (const Registration& node : roster) {
    if (node.role != NodeRole::kValidator) continue;
    if (leader == nullptr || node.stake > leader->stake) leader = &node;
  }
  if (leader == nullptr) return std::nullopt;
  return *leader;
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
