// Writing, checking and decoding a block of a million values at uniform positions: nanoseconds a value, and
// the counter over_memcpy beside a memcpy of the f32 values that the block stands for (64 times as many as it
// has).
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "core/coding/block_log.h"
#include "core/coding/chunk_decoder.h"

namespace templar {
namespace {

constexpr int64_t kEdge = 2048;
constexpr int64_t kKept = 64;

EncodedParameter uniform_block(const BlockCoding& coding) {
  EncodedParameter block;
  block.plan = {kEdge, kEdge, 64, 64, kKept};
  block.codebook = block_log_codebook(coding.bins);
  Random random(1);
  std::vector<uint16_t> drawn;
  for (int64_t chunk = 0; chunk < block.plan.chunk_count(); ++chunk) {
    drawn.clear();
    while (drawn.size() < kKept) {
      const auto position = static_cast<uint16_t>(random.below(4096));
      if (std::ranges::find(drawn, position) == drawn.end()) drawn.push_back(position);
    }
    std::ranges::sort(drawn);
    block.positions.insert(block.positions.end(), drawn.begin(), drawn.end());
    block.scales.push_back(round_block_scale(static_cast<float>(0.5 + 0.02 * random.uniform())));
  }
  const auto levels = static_cast<uint64_t>(coding.levels());
  for (size_t i = 0; i < block.positions.size(); ++i) {
    uint64_t level = 0;
    while (level + 1 < levels && random.below(4) == 0) ++level;
    block.codes.push_back(static_cast<uint8_t>(level + levels * random.below(2)));
  }
  return block;
}

Bytes written(const EncodedParameter& block, const BlockCoding& coding) {
  ByteWriter writer;
  write_coded_block(block, coding, writer);
  return writer.take();
}

double memcpy_seconds() {
  const std::vector<float> from(kEdge * kEdge, 1.0f);
  std::vector<float> to(from.size());
  double best = 1e9;
  for (int round = 0; round < 9; ++round) {
    const Stopwatch watch;
    std::memcpy(to.data(), from.data(), from.size() * sizeof(float));
    benchmark::DoNotOptimize(to.data());
    best = std::min(best, watch.seconds());
  }
  return best;
}

template <typename Work>
void measure(benchmark::State& state, int64_t values, const Work& work) {
  static const double copy_seconds = memcpy_seconds();
  double best = 1e9;
  for (auto _ : state) {
    const Stopwatch watch;
    work();
    best = std::min(best, watch.seconds());
  }
  state.counters["over_memcpy"] = best / copy_seconds;
  state.counters["ns_a_value"] = best / static_cast<double>(values) * 1e9;
}

BlockCoding coding_of(const benchmark::State& state) {
  return {Quantiser::kBlockLog, state.range(0)};
}

void write_block(benchmark::State& state) {
  const EncodedParameter block = uniform_block(coding_of(state));
  measure(state, block.plan.kept_total(),
          [&] { benchmark::DoNotOptimize(written(block, coding_of(state))); });
}
BENCHMARK(write_block)->ArgName("codes")->Arg(4)->Arg(16);

void check_block(benchmark::State& state) {
  const EncodedParameter block = uniform_block(coding_of(state));
  const Bytes bytes = written(block, coding_of(state));
  measure(state, block.plan.kept_total(), [&] {
    ByteReader reader(bytes);
    CHECK(read_coded_block(reader, coding_of(state), &block.plan).has_value());
  });
}
BENCHMARK(check_block)->ArgName("codes")->Arg(4)->Arg(16);

void decode_block(benchmark::State& state) {
  const EncodedParameter block = uniform_block(coding_of(state));
  const Bytes bytes = written(block, coding_of(state));
  const CodedBlock coded = open_coded_block(bytes, 0, coding_of(state), &block.plan);
  DecodedChunk chunk(coded.plan);
  measure(state, block.plan.kept_total(), [&] {
    ChunkDecoder decoder(coded, 0, chunk);
    for (int64_t i = 0; i < coded.plan.chunk_count(); ++i) benchmark::DoNotOptimize(decoder.next(chunk));
  });
}
BENCHMARK(decode_block)->ArgName("codes")->Arg(4)->Arg(16);

}  // namespace
}  // namespace templar
