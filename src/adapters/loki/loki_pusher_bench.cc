// What an event costs the one who speaks while no server answers, beside a sink that does nothing.
#include <benchmark/benchmark.h>

#include "adapters/loki/loki_pusher.h"

namespace templar {
namespace {

LogEvent event() {
  return {LogLevel::kInfo,
          "miner",
          "window trained",
          {{"window", 12}, {"loss", 3.25}, {"uid", 3}, {"role", "miner"}},
          1};
}

void into_the_queue(benchmark::State& state) {
  const LogSink before = set_log_sink([](const LogEvent&) {});
  {
    // Port 9, discard: nobody listens.
    const auto loki =
        LokiPusher::open({.url = "http://127.0.0.1:9", .exit_deadline = std::chrono::milliseconds(1)})
            .value();
    const LogSink sink = loki->sink();
    const LogEvent said = event();
    for (auto _ : state) sink(said);
  }
  set_log_sink(before);
}
BENCHMARK(into_the_queue);

void to_nobody(benchmark::State& state) {
  const LogSink sink = [](const LogEvent& said) { benchmark::DoNotOptimize(LogEvent(said)); };
  const LogEvent said = event();
  for (auto _ : state) sink(said);
}
BENCHMARK(to_nobody);

}  // namespace
}  // namespace templar
