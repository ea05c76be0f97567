// What a sample of the system costs, beside reading one small file of /proc.
#include <benchmark/benchmark.h>

#include <fstream>

#include "adapters/system_metrics/system_metrics.h"

namespace templar {
namespace {

void sample(benchmark::State& state) {
  SystemMetrics system;
  for (auto _ : state) benchmark::DoNotOptimize(system.sample());
}
BENCHMARK(sample)->Unit(benchmark::kMicrosecond);

void read_one_file(benchmark::State& state) {
  for (auto _ : state) {
    std::string line;
    std::getline(std::ifstream("/proc/loadavg"), line);
    benchmark::DoNotOptimize(line);
  }
}
BENCHMARK(read_one_file)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace templar
