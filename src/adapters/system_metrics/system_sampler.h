// Samples the system again and again, on a thread of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "adapters/system_metrics/gpu_metrics.h"
#include "adapters/system_metrics/system_metrics.h"
#include "ports/metrics_sink.h"

namespace templar {

struct SystemSamplerOptions {
  std::map<std::string, std::string> tags;
  std::chrono::milliseconds interval = std::chrono::seconds(10);
};

// Writes the measurement `system` with all fields of both: once at the beginning, then at every interval, and
// a last time at the end. All three must outlive it.
class SystemSampler {
 public:
  SystemSampler(SystemMetrics& system, GpuMetrics& gpu, MetricsSink& sink, SystemSamplerOptions options);
  SystemSampler(const SystemSampler&) = delete;
  SystemSampler& operator=(const SystemSampler&) = delete;
  ~SystemSampler();

 private:
  void write_one();
  void work(const std::stop_token& stop);

  SystemMetrics& system_;
  GpuMetrics& gpu_;
  MetricsSink& sink_;
  const SystemSamplerOptions options_;
  std::mutex mutex_;
  std::condition_variable_any stopped_;
  std::jthread thread_;
};

}  // namespace templar
