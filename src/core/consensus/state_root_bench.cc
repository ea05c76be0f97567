// The state root beside a memcpy of the model's bytes in the same run: the counter over_memcpy is the ratio
// of their times. Model bytes: one parameter of 4 M values. `templar bench aggregate` measures the outer
// step.
#include <benchmark/benchmark.h>

#include <cstring>

#include "base/clock.h"
#include "core/consensus/state_root.h"

namespace templar {
namespace {

constexpr int64_t kEdge = 2048;
const ParameterLayout kLayout{{"matrix", {kEdge, kEdge}}};

double memcpy_seconds(std::span<float> to, ThreadTeam& team) {
  const std::vector<float> from(to.size(), 1.0f);
  double best = 1e9;
  for (int round = 0; round < 9; ++round) {
    const Stopwatch watch;
    team.for_ranges(from.size(), 4096, [&](size_t begin, size_t end) {
      std::memcpy(to.data() + begin, from.data() + begin, (end - begin) * sizeof(float));
    });
    benchmark::DoNotOptimize(to.data());
    best = std::min(best, watch.seconds());
  }
  return best;
}

void state_root(benchmark::State& state) {
  ThreadTeam team(static_cast<int>(state.range(0)));
  ParameterBuffers theta(kLayout);
  const double copy_seconds = memcpy_seconds(theta.spans()[0], team);
  double best = 1e9;
  for (auto _ : state) {
    const Stopwatch watch;
    benchmark::DoNotOptimize(compute_state_root(kLayout, std::as_const(theta).spans(), team));
    best = std::min(best, watch.seconds());
  }
  state.counters["over_memcpy"] = best / copy_seconds;
  state.SetBytesProcessed(state.iterations() * kEdge * kEdge * 4);
}
BENCHMARK(state_root)->ArgName("threads")->Arg(1)->Arg(2)->UseRealTime();

}  // namespace
}  // namespace templar
