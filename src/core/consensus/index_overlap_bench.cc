// Index overlap of all pairs beside decoding the same contributions once, in the same run: the counter
// over_decoding is the ratio of their times. 100 M parameters, chunks of 64 x 64 of which 64 values are kept.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "core/coding/chunk_decoder.h"
#include "core/consensus/index_overlap.h"

namespace templar {
namespace {

constexpr int64_t kEdge = 2048;
constexpr size_t kParameters = 24;
const CodecSpec kCodec{.chunk = 64, .topk = 64, .quantiser = Quantiser::kMean4, .quantiser_bins = 4};

const ParameterLayout& bench_layout() {
  static const ParameterLayout layout = [] {
    ParameterLayout parameters;
    for (size_t p = 0; p < kParameters; ++p)
      parameters.push_back({"matrix" + std::to_string(p), {kEdge, kEdge}});
    return parameters;
  }();
  return layout;
}

// One position in each part of the chunk, and codes, by lot.
EncodedParameter drawn_block(const ChunkPlan& plan, Random& random) {
  EncodedParameter block{.plan = plan, .codebook = {-0.02f, -0.01f, 0.01f, 0.02f}};
  const uint64_t part = static_cast<uint64_t>(plan.chunk_elements() / plan.kept);
  for (int64_t i = 0; i < plan.kept_total(); ++i) {
    const uint64_t begin = static_cast<uint64_t>(i % plan.kept) * part;
    block.positions.push_back(static_cast<uint16_t>(begin + random.below(part)));
    block.codes.push_back(static_cast<uint8_t>(random.below(4)));
  }
  return block;
}

std::vector<Contribution> bench_contributions(int64_t peers) {
  std::vector<Contribution> contributions;
  for (int64_t uid = 0; uid < peers; ++uid) {
    Random random(static_cast<uint64_t>(uid));
    std::vector<EncodedParameter> blocks;
    for (const ParameterInfo& parameter : bench_layout())
      blocks.push_back(drawn_block(plan_chunks(parameter.shape, kCodec), random));
    Bytes bytes = seal_contribution({.uid = static_cast<uint32_t>(uid)}, blocks, bench_layout(), kCodec,
                                    KeyPair::from_seed({}));
    contributions.push_back(parse_contribution(std::move(bytes), bench_layout(), kCodec).value());
  }
  return contributions;
}

double decoding_seconds(std::span<const Contribution> contributions, ThreadTeam& team) {
  const Stopwatch watch;
  for (size_t p = 0; p < kParameters; ++p) {
    const ChunkPlan plan = plan_chunks(bench_layout()[p].shape, kCodec);
    for (const Contribution& contribution : contributions) {
      const CodedBlock block = contribution.block(p, &plan);
      team.for_ranges(plan.chunk_count(), kSegmentChunks, [&](size_t begin, size_t end) {
        DecodedChunk chunk(plan);
        ChunkDecoder decoder(block, begin, chunk);
        for (size_t i = begin; i < end; ++i) benchmark::DoNotOptimize(decoder.next(chunk));
      });
    }
  }
  return watch.seconds();
}

void overlap_of_all_pairs(benchmark::State& state) {
  ThreadTeam team(static_cast<int>(state.range(1)));
  const std::vector<Contribution> contributions = bench_contributions(state.range(0));
  double decoding = 1e9;
  for (int round = 0; round < 3; ++round)
    decoding = std::min(decoding, decoding_seconds(contributions, team));
  double best = 1e9;
  for (auto _ : state) {
    const Stopwatch watch;
    benchmark::DoNotOptimize(index_overlaps(as_list(contributions), bench_layout(), kCodec, team));
    best = std::min(best, watch.seconds());
  }
  state.counters["over_decoding"] = best / decoding;
}
BENCHMARK(overlap_of_all_pairs)
    ->ArgNames({"peers", "threads"})
    ->Args({20, 1})
    ->Args({20, 2})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace templar
