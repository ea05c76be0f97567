#include "adapters/system_metrics/system_metrics.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include <algorithm>

#include "base/files/descriptor.h"
#include "base/files/file.h"

namespace templar {
namespace {

// What is there of the file; files of /proc have no size beforehand. Nothing if there is none.
std::string text_in(const std::filesystem::path& path) {
  constexpr size_t kEnough = 64 << 10;
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return {};
  std::string text(kEnough, '\0');
  const ReadOutcome outcome = read_at(file.get(), 0, {reinterpret_cast<uint8_t*>(text.data()), text.size()});
  text.resize(outcome.error == 0 ? outcome.size : 0);
  return text;
}

double process_cpu_seconds() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void add_memory(const std::string& text, MetricFields& fields) {
  const auto kilobytes = parse_named_numbers(text);
  const auto total = kilobytes.find("MemTotal");
  const auto available = kilobytes.find("MemAvailable");
  constexpr int64_t kMost = INT64_MAX / 1024;
  if (total == kilobytes.end() || total->second <= 0 || total->second > kMost) return;
  fields["sys_memory_total_bytes"] = total->second * 1024;
  if (available == kilobytes.end()) return;
  const int64_t used = total->second - std::clamp<int64_t>(available->second, 0, total->second);
  fields["sys_memory_used_bytes"] = used * 1024;
  fields["sys_memory_percent"] = 100.0 * static_cast<double>(used) / static_cast<double>(total->second);
}

void add_disk(const std::filesystem::path& folder, MetricFields& fields) {
  struct statvfs disk{};
  if (::statvfs(folder.c_str(), &disk) != 0 || disk.f_blocks == 0) return;
  // As df(1) counts: what is kept for root is neither used nor free.
  const double used = static_cast<double>(disk.f_blocks - disk.f_bfree);
  const double free = static_cast<double>(disk.f_bavail);
  fields["sys_disk_free_bytes"] = static_cast<int64_t>(disk.f_bavail * disk.f_frsize);
  if (used + free > 0) fields["sys_disk_used_percent"] = 100.0 * used / (used + free);
}

void add_number(const std::map<std::string, int64_t, std::less<>>& numbers, std::string_view from,
                int64_t times, const char* to, MetricFields& fields) {
  const auto found = numbers.find(from);
  if (found != numbers.end() && found->second >= 0 && found->second <= INT64_MAX / times)
    fields[to] = found->second * times;
}

}  // namespace

SystemMetrics::SystemMetrics(SystemMetricsOptions options)
    : options_(std::move(options)),
      machine_before_(parse_cpu_ticks(text_in(options_.proc / "stat"))),
      process_seconds_before_(process_cpu_seconds()) {}

MetricFields SystemMetrics::sample() {
  MetricFields fields;
  const MutexLock lock(mutex_);
  add_cpu(fields);
  add_memory(text_in(options_.proc / "meminfo"), fields);
  add_disk(options_.disk_folder, fields);
  if (const auto network = parse_network_bytes(text_in(options_.proc / "net/dev"))) {
    fields["sys_net_sent_bytes"] = network->sent;
    fields["sys_net_received_bytes"] = network->received;
  }
  if (const auto load = parse_load(text_in(options_.proc / "loadavg"))) fields["sys_load_1m"] = *load;
  add_process(fields);
  return fields;
}

void SystemMetrics::add_cpu(MetricFields& fields) {
  const auto machine = parse_cpu_ticks(text_in(options_.proc / "stat"));
  // The kernel's counters may run backwards a little, when a processor is taken away.
  if (machine && machine_before_ && machine->total > machine_before_->total &&
      machine->busy >= machine_before_->busy) {
    const double busy = static_cast<double>(machine->busy - machine_before_->busy);
    fields["sys_cpu_percent"] =
        std::min(100.0, 100.0 * busy / static_cast<double>(machine->total - machine_before_->total));
  }
  const double process_seconds = process_cpu_seconds();
  const double elapsed = since_sample_.seconds();
  if (elapsed > 0)
    fields["process_cpu_percent"] = 100.0 * (process_seconds - process_seconds_before_) / elapsed;
  machine_before_ = machine;
  process_seconds_before_ = process_seconds;
  since_sample_ = Stopwatch();
}

void SystemMetrics::add_process(MetricFields& fields) {
  const auto status = parse_named_numbers(text_in(options_.proc / "self/status"));
  add_number(status, "VmRSS", 1024, "process_rss_bytes", fields);
  add_number(status, "Threads", 1, "process_threads", fields);
  const auto io = parse_named_numbers(text_in(options_.proc / "self/io"));
  add_number(io, "read_bytes", 1, "process_read_bytes", fields);
  add_number(io, "write_bytes", 1, "process_written_bytes", fields);
  // One of them is the folder itself, open to be read.
  if (const auto files = entries_of(options_.proc / "self/fd"))
    fields["process_open_files"] = std::max<int64_t>(static_cast<int64_t>(files->size()) - 1, 0);
}

}  // namespace templar
