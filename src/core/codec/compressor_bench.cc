// Compression beside a memcpy of the same f32 bytes in the same run. Counters: over_memcpy is the ratio to
// one call of memcpy, over_team_memcpy to one by all threads, each the best of several. The figures of
// docs/performance.md are those of 200 M parameters: --benchmark_filter=millions:200.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>

#include "base/clock.h"
#include "base/random.h"
#include "core/codec/compressor.h"

namespace templar {
namespace {

constexpr int64_t kRows = 2048;
constexpr int64_t kColumns = 2048;  // a matrix of 4 M parameters, 16 MiB: beyond the caches

using Buffers = std::span<const std::span<float>>;

// Best of several copies of all parameters, each parameter cut among the team's threads.
double memcpy_seconds(Buffers from, Buffers to, ThreadTeam& team) {
  double best = 1e9;
  for (int round = 0; round < 7; ++round) {
    const Stopwatch watch;
    for (size_t p = 0; p < from.size(); ++p) {
      team.for_ranges(from[p].size(), 4096, [&](size_t begin, size_t end) {
        std::memcpy(to[p].data() + begin, from[p].data() + begin, (end - begin) * sizeof(float));
      });
    }
    benchmark::DoNotOptimize(to[0].data());
    best = std::min(best, watch.seconds());
  }
  return best;
}

// Arguments: DCT or not, threads, millions of parameters.
void compress_with_feedback(benchmark::State& state) {
  // One matrix, so that one call of memcpy covers it.
  const int64_t matrices = std::max<int64_t>(1, state.range(2) * 1000000 / (kRows * kColumns));
  const ParameterLayout layout{{"matrix", {kRows * matrices, kColumns}}};
  const CodecSpec codec{.chunk = 64,
                        .topk = 64,
                        .use_dct = state.range(0) != 0,
                        .quantiser_bins = 4,
                        .quantiser_range_sigmas = 6,
                        .error_feedback_decay = 0.95};
  ThreadTeam one(1);
  ThreadTeam team(static_cast<int>(state.range(1)));
  ParameterBuffers gradient(layout);
  ParameterBuffers feedback(layout);
  team.for_ranges(gradient.spans()[0].size(), 4096, [&](size_t begin, size_t end) {
    Random random(begin);
    for (size_t i = begin; i < end; ++i) gradient.spans()[0][i] = static_cast<float>(random.normal() * 0.01);
  });
  const double copy_seconds = memcpy_seconds(gradient.spans(), feedback.spans(), one);
  const double team_copy_seconds = memcpy_seconds(gradient.spans(), feedback.spans(), team);
  double best = 1e9;
  for (auto _ : state) {
    const Stopwatch watch;
    auto encoded =
        compress_with_error_feedback(std::as_const(gradient).spans(), feedback.spans(), layout, codec, team);
    benchmark::DoNotOptimize(encoded);
    best = std::min(best, watch.seconds());
  }
  state.counters["over_memcpy"] = best / copy_seconds;
  state.counters["over_team_memcpy"] = best / team_copy_seconds;
  state.SetItemsProcessed(state.iterations() * layout[0].count());
}
BENCHMARK(compress_with_feedback)
    ->ArgNames({"dct", "threads", "millions"})
    ->ArgsProduct({{0, 1}, {1, 2}, {4, 200}})
    ->MinTime(1)
    ->UseRealTime();

}  // namespace
}  // namespace templar
