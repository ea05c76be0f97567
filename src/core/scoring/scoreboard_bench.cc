// A window of 256 miners, all gathered and measured, beside its match alone in the same run: the counter
// over_match is the ratio of their times.
#include <benchmark/benchmark.h>

#include <algorithm>

#include "base/clock.h"
#include "base/random.h"
#include "core/scoring/scoreboard.h"

namespace templar {
namespace {

constexpr uint32_t kMiners = 256;
constexpr int64_t kWindows = 20;

Evidence drawn_evidence(int64_t window) {
  Random random(1, "scoreboard-bench", static_cast<uint64_t>(window));
  Evidence evidence{.window = window, .outer_step = window, .miners = {}};
  for (uint32_t uid = 0; uid < kMiners; ++uid) {
    const double gain = 0.1 * random.uniform() - 0.02;
    evidence.miners.push_back(
        {.uid = uid,
         .verdict = {},
         .evaluation = Evaluation{.own = {4.0, 4.0 * (0.99 - gain)}, .unassigned = {4.0, 4.0 * (1 - gain)}},
         .steps_behind = 0,
         .possession_proof_fits = true,
         .stored_at_ms = uid});
  }
  for (uint32_t one = 0; one < 20; ++one) {
    for (uint32_t other = one + 1; other < 20; ++other) evidence.overlaps.push_back({one, other, 0.02});
  }
  return evidence;
}

double match_seconds(const RunSpec& spec) {
  std::vector<Rating> ratings(kMiners);
  std::vector<double> scores;
  Random random(2);
  for (uint32_t uid = 0; uid < kMiners; ++uid) scores.push_back(random.uniform());
  double best = 1e9;
  for (int round = 0; round < 9; ++round) {
    const Stopwatch watch;
    benchmark::DoNotOptimize(rate_match(
        ratings, scores, {.beta = spec.scoring.openskill_beta, .tau = spec.scoring.openskill_tau}));
    best = std::min(best, watch.seconds());
  }
  return best;
}

void advance_256_miners(benchmark::State& state) {
  const RunSpec spec = preset_run_spec("150M").value();
  Scoreboard board;
  for (int64_t window = 0; window < kWindows; ++window)
    board = advance_scoreboard(board, drawn_evidence(window), spec).scoreboard;
  const Evidence evidence = drawn_evidence(kWindows);
  double best = 1e9;
  for (auto _ : state) {
    const Stopwatch watch;
    benchmark::DoNotOptimize(advance_scoreboard(board, evidence, spec));
    best = std::min(best, watch.seconds());
  }
  state.counters["over_match"] = best / match_seconds(spec);
}
BENCHMARK(advance_256_miners)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace templar
