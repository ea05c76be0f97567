// Compression beside a memcpy of the same f32 bytes in the same run: the counter over_memcpy is the ratio of
// their times.
#include <benchmark/benchmark.h>

#include <cstring>

#include "base/clock.h"
#include "base/random.h"
#include "core/codec/compressor.h"

namespace templar {
namespace {

constexpr int64_t kEdge = 2048;  // 4 M parameters, 16 MiB: beyond the caches

// Two threads' worth of memcpy, best of several.
double memcpy_seconds(std::span<const float> from, std::span<float> to, ThreadTeam& team) {
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

// Arguments: DCT or not, threads.
void compress_with_feedback(benchmark::State& state) {
  const ParameterLayout layout{{"matrix", {kEdge, kEdge}}};
  const CodecSpec codec{.chunk = 64,
                        .topk = 64,
                        .use_dct = state.range(0) != 0,
                        .quantiser_bins = 4,
                        .quantiser_range_sigmas = 6,
                        .error_feedback_decay = 0.95};
  ThreadTeam team(static_cast<int>(state.range(1)));
  ParameterBuffers gradient(layout);
  ParameterBuffers feedback(layout);
  Random random(1);
  for (float& value : gradient.spans()[0]) value = static_cast<float>(random.normal() * 0.01);
  const double copy_seconds = memcpy_seconds(gradient.spans()[0], feedback.spans()[0], team);
  double best = 1e9;
  for (auto _ : state) {
    const Stopwatch watch;
    auto encoded =
        compress_with_error_feedback(std::as_const(gradient).spans(), feedback.spans(), layout, codec, team);
    benchmark::DoNotOptimize(encoded);
    best = std::min(best, watch.seconds());
  }
  state.counters["over_memcpy"] = best / copy_seconds;
  state.SetItemsProcessed(state.iterations() * kEdge * kEdge);
}
BENCHMARK(compress_with_feedback)->ArgNames({"dct", "threads"})->ArgsProduct({{0, 1}, {1, 2}})->UseRealTime();

}  // namespace
}  // namespace templar
