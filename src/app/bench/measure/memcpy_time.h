// What everything in the gradient pipeline is measured against: a copy of the same f32 bytes in the same run.
#pragma once

#include "base/threads/thread_team.h"
#include "core/run/parameter_layout.h"

namespace templar {

struct MemcpySeconds {
  double one_call = 0;  // one call of memcpy on one thread
  double team = 0;      // cut among the team's threads
};

// Copies all of from once each way; both have one layout.
[[nodiscard]] MemcpySeconds time_memcpy(ConstParameterSpans from, ParameterSpans to, ThreadTeam& team);

// The best of several.
inline void take_best(double& best, double seconds) {
  if (best == 0 || seconds < best) best = seconds;
}
inline void take_best(MemcpySeconds& best, const MemcpySeconds& seconds) {
  take_best(best.one_call, seconds.one_call);
  take_best(best.team, seconds.team);
}

}  // namespace templar
