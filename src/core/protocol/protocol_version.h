// Which versions of the protocol this program speaks. The number covers all that nodes of a run must do alike
// and that no run spec says: ledger entries, records, contributions, checkpoints, and what is computed from
// them. It grows when one of these changes so that a node of before could not follow; the version of the
// software says nothing about that. 2: the owner may amend the run spec (docs/decisions/0033-amendments.md);
// a run that is not amended is one of version 1.
#pragma once

#include <algorithm>
#include <cstdint>

namespace templar {

struct ProtocolRange {
  int64_t oldest = 0;
  int64_t newest = 0;  // not below the oldest
  bool operator==(const ProtocolRange&) const = default;
};

inline constexpr ProtocolRange kSpokenProtocols{1, 2};
// The first in which a run may be amended.
inline constexpr int64_t kAmendmentProtocol = 2;

// Whether there is a version that both speak.
[[nodiscard]] constexpr bool have_common_protocol(const ProtocolRange& one, const ProtocolRange& other) {
  return std::max(one.oldest, other.oldest) <= std::min(one.newest, other.newest);
}

}  // namespace templar
