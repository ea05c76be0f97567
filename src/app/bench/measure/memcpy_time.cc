#include "app/bench/measure/memcpy_time.h"

#include <cstring>

#include "base/clock.h"

namespace templar {

MemcpySeconds time_memcpy(ConstParameterSpans from, ParameterSpans to, ThreadTeam& team) {
  // A model's parameters lie one after the other.
  const float* const source = from.front().data();
  float* const target = to.front().data();
  const auto count = static_cast<size_t>(from.back().data() + from.back().size() - source);
  MemcpySeconds seconds;
  const Stopwatch one_call;
  std::memcpy(target, source, count * sizeof(float));
  seconds.one_call = one_call.seconds();
  const Stopwatch by_team;
  team.for_ranges(count, 4096, [&](size_t begin, size_t end) {
    std::memcpy(target + begin, source + begin, (end - begin) * sizeof(float));
  });
  seconds.team = by_team.seconds();
  return seconds;
}

}  // namespace templar
