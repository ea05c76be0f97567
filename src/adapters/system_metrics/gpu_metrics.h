// How the machine's GPUs are doing, from NVIDIA's management library (NVML), which is loaded while the
// program runs: nothing of it is needed to build, or to run without a GPU.
#pragma once

#include <memory>
#include <string>

#include "adapters/system_metrics/system_metrics.h"

namespace templar {

// Thread-safe.
class GpuMetrics {
 public:
  virtual ~GpuMetrics() = default;

  // gpu_count, and for each i from 0: gpu_<i>_utilisation_percent, gpu_<i>_memory_used_bytes,
  // gpu_<i>_memory_total_bytes, gpu_<i>_temperature_celsius, gpu_<i>_power_watts, gpu_<i>_name. What a GPU
  // does not tell is left out. Empty without a GPU.
  [[nodiscard]] virtual MetricFields sample() = 0;
};

// Never null. Where the library or a GPU is missing: one that gives nothing, and why_not, if given, says what
// was missing.
[[nodiscard]] std::unique_ptr<GpuMetrics> open_gpu_metrics(const std::string& library = "libnvidia-ml.so.1",
                                                           std::string* why_not = nullptr);

}  // namespace templar
