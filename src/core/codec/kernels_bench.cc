// What each step of a chunk's compression costs, on tiles of 64 x 64 values, beside a memcpy of a tile in the
// first-level cache: the counter over_memcpy. `templar bench codec` measures the whole.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>

#include "base/clock.h"
#include "base/random.h"
#include "core/codec/blended_input.h"
#include "core/codec/block_log_quantiser.h"
#include "core/codec/dct.h"
#include "core/codec/top_k.h"
#include "core/coding/block_log.h"

namespace templar {
namespace {

constexpr int64_t kEdge = 64;
constexpr size_t kElements = kEdge * kEdge;
constexpr size_t kKept = 64;
constexpr ChunkPlan kPlan{kEdge, kEdge, kEdge, kEdge, kKept};

std::vector<float> normal_values(size_t count, uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

double memcpy_seconds_of_a_tile() {
  constexpr int kCopies = 1000;
  const std::vector<float> from = normal_values(kElements, 1);
  std::vector<float> to(kElements);
  double best = 1e9;
  for (int round = 0; round < 20; ++round) {
    const Stopwatch watch;
    for (int i = 0; i < kCopies; ++i) {
      std::memcpy(to.data(), from.data(), kElements * sizeof(float));
      benchmark::DoNotOptimize(to.data());
      benchmark::ClobberMemory();
    }
    best = std::min(best, watch.seconds() / kCopies);
  }
  return best;
}

// Calls work over and over and reports it.
template <typename Work>
void measure(benchmark::State& state, const Work& work) {
  static const double copy_seconds = memcpy_seconds_of_a_tile();
  int64_t calls = 0;
  const Stopwatch watch;
  for (auto _ : state) {
    work();
    benchmark::ClobberMemory();
    ++calls;
  }
  state.counters["over_memcpy"] = watch.seconds() / static_cast<double>(calls) / copy_seconds;
  state.SetItemsProcessed(calls * static_cast<int64_t>(kElements));
}

void read_and_store(benchmark::State& state) {
  const std::vector<float> base = normal_values(kElements, 1);
  const std::vector<float> added = normal_values(kElements, 2);
  std::vector<float> tile(kElements);
  std::vector<float> out(kElements);
  const TileRows rows = tile_rows(kPlan, 0);
  measure(state, [&] {
    benchmark::DoNotOptimize(read_and_store_tile({base, 0.95f, added, 1.0f}, rows, tile, out));
  });
}
BENCHMARK(read_and_store);

void transform_forward(benchmark::State& state) {
  const TileTransform transform(kPlan, {.use_dct = true});
  std::vector<float> tile = normal_values(kElements, 1);
  std::vector<float> scratch(kElements);
  measure(state, [&] { transform.forward(tile, scratch); });  // orthonormal: stays in range
}
BENCHMARK(transform_forward);

void transform_inverse(benchmark::State& state) {
  const TileTransform transform(kPlan, {.use_dct = true});
  std::vector<float> tile = normal_values(kElements, 1);
  std::vector<float> scratch(kElements);
  measure(state, [&] { transform.inverse(tile, scratch); });
}
BENCHMARK(transform_inverse);

void transform_inverse_of_few(benchmark::State& state) {
  const TileTransform transform(kPlan, {.use_dct = true});
  const std::vector<float> values = normal_values(kElements, 1);
  std::vector<uint16_t> positions(kKept);
  TopKScratch selection;
  select_top_k(values, positions, selection);
  std::vector<float> sent;
  for (const uint16_t position : positions) sent.push_back(values[position]);
  std::vector<float> tile(kElements);
  std::vector<float> scratch(kElements);
  measure(state, [&] { transform.inverse_sparse(positions, sent, tile, scratch); });
}
BENCHMARK(transform_inverse_of_few);

void select_largest(benchmark::State& state) {
  // Another tile each time, as in a parameter: the guess from the last one fits about, not exactly.
  constexpr size_t kTiles = 64;
  const std::vector<float> values = normal_values(kTiles * kElements, 1);
  std::vector<uint16_t> positions(kKept);
  TopKScratch selection;
  size_t next = 0;
  measure(state, [&] {
    select_top_k(std::span(values).subspan(next % kTiles * kElements, kElements), positions, selection);
    ++next;
  });
}
BENCHMARK(select_largest);

void quantise_kept(benchmark::State& state) {
  std::vector<float> values = normal_values(kKept, 1);
  for (float& value : values) value = value < 0 ? value - 2.4f : value + 2.4f;
  const std::vector<float> codebook = block_log_codebook(4);
  std::vector<uint8_t> codes(kKept);
  measure(state, [&] { benchmark::DoNotOptimize(quantise_chunk(values, codebook, codes)); });
}
BENCHMARK(quantise_kept);

}  // namespace
}  // namespace templar
