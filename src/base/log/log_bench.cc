// What a call to log() costs the one who speaks, beside a write of as many bytes to the same kind of file.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/files/descriptor.h"
#include "base/log/log.h"
#include "base/log/log_context.h"
#include "base/log/log_sinks.h"
#include "base/log/secrets.h"

namespace templar {
namespace {

std::filesystem::path bench_file() {
  return std::filesystem::temp_directory_path() / ("templar-log-bench-" + std::to_string(::getpid()));
}

void say_something() {
  log(LogLevel::kInfo, "miner", "window trained",
      {{"window", 12}, {"loss", 3.25}, {"state_root", "0123456789abcdef"}});
}

void into_a_file(benchmark::State& state, LogFormat format) {
  const LogSink before =
      set_log_sink(file_log_sink({.path = bench_file(), .format = format, .max_files = 1}).value());
  const LogContext scope({{"role", "miner"}, {"uid", 3}});
  for (auto _ : state) say_something();
  set_log_sink(before);
  std::filesystem::remove(bench_file());
}
BENCHMARK_CAPTURE(into_a_file, text, LogFormat::kText);
BENCHMARK_CAPTURE(into_a_file, json, LogFormat::kJson);

void one_write(benchmark::State& state) {
  const Descriptor file(::open(bench_file().c_str(), O_WRONLY | O_APPEND | O_CREAT, 0600));
  const std::string line(120, 'x');
  for (auto _ : state) benchmark::DoNotOptimize(write_all(file.get(), as_bytes(line)));
  std::filesystem::remove(bench_file());
}
BENCHMARK(one_write);

void to_nobody(benchmark::State& state) {
  const LogSink before = set_log_sink([](const LogEvent&) {});
  for (int i = 0; i < state.range(0); ++i) register_secret("a secret of the bench " + std::to_string(i));
  for (auto _ : state) say_something();
  set_log_sink(before);
}
BENCHMARK(to_nobody)->Arg(0)->Arg(10);

void below_the_level(benchmark::State& state) {
  for (auto _ : state) log(LogLevel::kDebug, "miner", "detail", {});
}
BENCHMARK(below_the_level);

}  // namespace
}  // namespace templar
