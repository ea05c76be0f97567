// Measurements as lines of JSON in a file: {"name":…,"tags":{…},"fields":{…},"time_ns":…}.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "adapters/metrics_logger/metrics_output.h"
#include "base/result.h"
#include "base/threads/mutex.h"
#include "ports/metrics_sink.h"

namespace templar {

// Appends; several processes may append to one file that is not rotated (max_bytes 0). Lines are written
// whole by write(2), each or many at once, so a process killed at any instant leaves at most one torn last
// line, which the next writer ends. Integers are written without a decimal point and floats with one or an
// exponent, so both come back as what they were; a float that is not finite becomes null, and comes back as
// NaN. Text that is not UTF-8 has its wrong bytes replaced. The file is open while it is written to and not
// longer: a thousand nodes of one process need no descriptor each, and who moves the file away (to rotate it)
// finds what follows in a new one. Lines that can't be written, because the disk is full or so, are held
// back, up to kMostHeldBytes, and written before the next ones; the log says so once. A sink by itself for
// those who write seldom, an output of MetricsLogger for those who may not wait for a disk. Thread-safe.
class JsonlMetricsSink final : public MetricsSink, public MetricsOutput {
 public:
  static constexpr size_t kMostHeldBytes = size_t{1} << 20;

  // The folder must exist. max_bytes: the size that the file may come to before it is moved aside and what
  // lay there is thinned (thinning.h); 0: it grows for ever. Fails (fatal) if the file can't be opened for
  // appending, or holds something that no sink has begun: a key, a text.
  [[nodiscard]] static Result<std::unique_ptr<JsonlMetricsSink>> open(const std::filesystem::path& path,
                                                                      uint64_t max_bytes = 0);

  void write(Measurement measurement) override { write(std::span<const Measurement>(&measurement, 1)); }
  void write(std::span<const Measurement> measurements) override;
  // Also syncs the file to the disk.
  void flush() override;
  // The oldest of those that were held back, where there were too many.
  [[nodiscard]] uint64_t dropped() const override { return dropped_.load(); }

 private:
  JsonlMetricsSink(std::filesystem::path path, uint64_t max_bytes)
      : path_(std::move(path)), max_bytes_(max_bytes), rotate_at_bytes_(max_bytes) {}
  void write_held() REQUIRES(mutex_);
  void hold_back(int error) REQUIRES(mutex_);
  void rotate_if_large(uint64_t size_bytes) REQUIRES(mutex_);

  const std::filesystem::path path_;
  const uint64_t max_bytes_;
  Mutex mutex_;
  uint64_t rotate_at_bytes_ GUARDED_BY(mutex_);
  std::string held_ GUARDED_BY(mutex_);  // whole lines that are still to be written
  bool failing_ GUARDED_BY(mutex_) = false;
  std::atomic<uint64_t> dropped_{0};
};

// Appends the measurement's line, as the sink writes it.
void append_measurement_line(std::string& out, const Measurement& measurement);

struct JsonlPage {
  std::vector<Measurement> measurements;
  uint64_t next_offset = 0;  // where the next page begins: after the last whole line that was looked at
  int malformed_lines = 0;   // skipped
};

// The measurements of the whole lines from that offset on, as many as lie within max_bytes; a torn last line
// is left for the next call. At the end of the file next_offset is offset. Fails (fatal) if the file can't be
// read, or a line is longer than max_bytes.
[[nodiscard]] Result<JsonlPage> read_jsonl_measurements(const std::filesystem::path& path, uint64_t offset,
                                                        size_t max_bytes = size_t{8} << 20);

}  // namespace templar
