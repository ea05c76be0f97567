// Decoding, aggregating and stepping beside a memcpy of the model's bytes in the same run: the counter
// over_memcpy is the ratio of their times. Model bytes: one parameter of 4 M values.
#include <benchmark/benchmark.h>

#include <cstring>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "core/codec/compressor.h"
#include "core/consensus/outer_step.h"
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

std::vector<Contribution> make_contributions(const CodecSpec& codec, uint32_t peers, ThreadTeam& team) {
  std::vector<Contribution> contributions;
  std::vector<float> gradient(static_cast<size_t>(kEdge * kEdge));
  for (uint32_t uid = 0; uid < peers; ++uid) {
    Random random(uid);
    for (float& value : gradient) value = static_cast<float>(random.normal() * 0.01);
    const auto encoded = compress(gradient, kLayout[0], codec, team);
    CHECK(encoded.has_value());
    ContributionHeader header;
    header.uid = uid;
    auto parsed = parse_contribution(
        seal_contribution(header, std::vector{*encoded}, kLayout, codec, KeyPair::from_seed({})), kLayout,
        codec);
    CHECK(parsed.has_value());
    contributions.push_back(std::move(*parsed));
  }
  return contributions;
}

// Arguments: DCT or not, contributions, threads.
void aggregate_and_step(benchmark::State& state) {
  RunSpec spec;
  spec.codec = {.chunk = 64,
                .topk = 64,
                .use_dct = state.range(0) != 0,
                .quantiser_bins = 4,
                .quantiser_range_sigmas = 6};
  ThreadTeam team(static_cast<int>(state.range(2)));
  const std::vector<Contribution> contributions =
      make_contributions(spec.codec, static_cast<uint32_t>(state.range(1)), team);
  std::vector<const Contribution*> list;
  for (const Contribution& contribution : contributions) list.push_back(&contribution);
  ParameterBuffers theta(kLayout);
  const double copy_seconds = memcpy_seconds(theta.spans()[0], team);
  double best = 1e9;
  for (auto _ : state) {
    const Stopwatch watch;
    outer_step(theta.spans(), kLayout, spec, list, 0.4, team);
    best = std::min(best, watch.seconds());
  }
  state.counters["over_memcpy"] = best / copy_seconds;
  state.SetItemsProcessed(state.iterations() * kEdge * kEdge);
}
BENCHMARK(aggregate_and_step)
    ->ArgNames({"dct", "peers", "threads"})
    ->ArgsProduct({{0, 1}, {8, 64}, {2}})
    ->UseRealTime();

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
