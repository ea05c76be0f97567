// What keeping a measurement's newest values costs, and making the text of 10,000 of them, beside copying the
// measurement.
#include <benchmark/benchmark.h>

#include "adapters/prometheus/exposition.h"

namespace templar {
namespace {

Measurement measurement(int64_t uid) {
  Measurement made{
      .name = "training_step_v2",
      .tags = {{"role", "miner"}, {"uid", std::to_string(uid)}, {"run", "0123abcd"}, {"version", "0.1.0"}}};
  for (int i = 0; i < 10; ++i) made.fields["field_" + std::to_string(i)] = 0.5 * i;
  made.fields["state_root"] = "ab";
  return made;
}

void observe(benchmark::State& state) {
  Exposition exposition;
  const Measurement made = measurement(1);
  for (auto _ : state) exposition.observe(made);
}
BENCHMARK(observe);

void copy(benchmark::State& state) {
  const Measurement made = measurement(1);
  for (auto _ : state) benchmark::DoNotOptimize(Measurement(made));
}
BENCHMARK(copy);

void text_of_10000(benchmark::State& state) {
  Exposition exposition;
  for (int64_t uid = 0; uid < 1000; ++uid) exposition.observe(measurement(uid));
  for (auto _ : state) benchmark::DoNotOptimize(exposition.text());
}
BENCHMARK(text_of_10000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace templar
