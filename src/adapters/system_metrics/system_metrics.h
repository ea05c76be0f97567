// How the machine and this process are doing, from Linux' /proc and statvfs(2).
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "adapters/system_metrics/proc_text.h"
#include "base/clock.h"
#include "base/threads/mutex.h"
#include "ports/metrics_sink.h"

namespace templar {

using MetricFields = std::map<std::string, MetricValue>;

struct SystemMetricsOptions {
  std::filesystem::path disk_folder = "/";  // whose file system's space is of interest
  std::filesystem::path proc = "/proc";
};

// Thread-safe.
class SystemMetrics {
 public:
  explicit SystemMetrics(SystemMetricsOptions options = {});

  // sys_cpu_percent (of the whole machine, 0 to 100), sys_memory_percent, sys_memory_used_bytes,
  // sys_memory_total_bytes, sys_disk_used_percent, sys_disk_free_bytes (what this user may still write),
  // sys_net_sent_bytes, sys_net_received_bytes (since the machine began, without loopback), sys_load_1m,
  // process_cpu_percent (100: one core), process_rss_bytes, process_threads, process_open_files,
  // process_read_bytes, process_written_bytes (from and to disks). CPU is that since the sample before, the
  // first time since this was made. What the system does not tell, as in some containers, is left out. Takes
  // well under a millisecond.
  [[nodiscard]] MetricFields sample();

 private:
  void add_cpu(MetricFields& fields) REQUIRES(mutex_);
  void add_process(MetricFields& fields);

  const SystemMetricsOptions options_;
  Mutex mutex_;
  std::optional<CpuTicks> machine_before_ GUARDED_BY(mutex_);
  double process_seconds_before_ GUARDED_BY(mutex_) = 0;
  Stopwatch since_sample_ GUARDED_BY(mutex_);
};

}  // namespace templar
