#include "core/scoring/peers.h"

#include <algorithm>

namespace templar {

PeerSelection select_peers(std::span<const PeerCandidate> candidates, const NetworkSpec& network) {
  std::vector<PeerCandidate> ranked;
  std::copy_if(candidates.begin(), candidates.end(), std::back_inserter(ranked),
               [](const PeerCandidate& candidate) { return !candidate.excluded; });
  std::sort(ranked.begin(), ranked.end(), [](const PeerCandidate& a, const PeerCandidate& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.uid < b.uid;
  });

  const size_t gather_end = std::min<size_t>(ranked.size(), network.gather_peer_count);
  const size_t reserve_end = std::min<size_t>(ranked.size(), gather_end + network.reserve_peer_count);
  PeerSelection selection;
  for (size_t i = 0; i < gather_end; ++i) selection.gather.push_back(ranked[i].uid);
  for (size_t i = gather_end; i < reserve_end; ++i) selection.reserve.push_back(ranked[i].uid);
  return selection;
}

std::vector<PeerCandidate> with_newcomers(std::vector<PeerCandidate> candidates,
                                          std::span<const uint32_t> registered_miners) {
  for (const uint32_t uid : registered_miners) {
    const bool known = std::ranges::find(candidates, uid, &PeerCandidate::uid) != candidates.end();
    if (!known) candidates.push_back({.uid = uid, .weight = 0, .excluded = false});
  }
  return candidates;
}

}  // namespace templar
