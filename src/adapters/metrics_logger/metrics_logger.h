// The front of everything that is measured: takes measurements from the threads that work and hands them to
// the outputs on a thread of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "adapters/metrics_logger/measurement_queue.h"
#include "adapters/metrics_logger/metrics_output.h"
#include "base/clock.h"
#include "base/threads/mutex.h"

namespace templar {

// Fields that are sampled now. Called by the logger's worker alone.
using MetricSource = std::function<std::map<std::string, MetricValue>()>;

struct MetricsLoggerOptions {
  std::map<std::string, std::string> tags;  // on every measurement; a measurement's own tags win
  size_t queue_capacity = 65'536;
  std::chrono::milliseconds wake_interval{50};  // how long a measurement waits, at most, for the worker
  // The logger itself writes a measurement "system" every system_interval (0: never), whose fields are those
  // of these two sources. Either may be empty; a "system" without a field is not written.
  MetricSource system_metrics;
  MetricSource gpu_metrics;
  std::chrono::milliseconds system_interval{0};
};

// A call to write() stamps the measurement, moves it into a bounded queue and returns: it waits for
// no output, allocates nothing, makes no system call (but one to wake a worker that had nothing to do, or
// when the queue is half full), and no failure reaches it. A full queue drops its oldest, which is counted
// and, now and then, said on the log.
//
// Stamps given by the logger strictly increase, whatever the clock does: a time-series database tells points
// of one series apart by their time alone. A time that the caller gives stays as it is.
//
// Thread-safe. The end of the logger hands on what was accepted, flushes the outputs and stops the worker.
class MetricsLogger final : public MetricsSink {
 public:
  // The clock must outlive the logger.
  MetricsLogger(MetricsLoggerOptions options, const Clock& clock,
                std::vector<std::shared_ptr<MetricsOutput>> outputs);
  MetricsLogger(const MetricsLogger&) = delete;
  MetricsLogger& operator=(const MetricsLogger&) = delete;
  ~MetricsLogger() override;

  void write(Measurement measurement) override;
  // Waits for the outputs' own flush. Not for a thread that works.
  void flush() override;
  // By the queue and by the outputs.
  [[nodiscard]] uint64_t dropped() const override;

 private:
  void run();
  void wait_for_work() REQUIRES(mutex_);
  void hand_on(MeasurementQueue& taken);
  void add_to_batch(Measurement measurement);
  void measure_system();
  [[nodiscard]] std::map<std::string, MetricValue> sample(const MetricSource& source, const char* what) const;
  void write_batch();
  void flush_outputs();
  void report_drops(bool at_once);

  const MetricsLoggerOptions options_;
  const Clock& clock_;
  const std::vector<std::shared_ptr<MetricsOutput>> outputs_;

  mutable Mutex mutex_;
  ConditionVariable wake_;
  ConditionVariable flushed_;
  MeasurementQueue queue_ GUARDED_BY(mutex_);
  int64_t last_time_ns_ GUARDED_BY(mutex_) = 0;
  uint64_t flushes_wanted_ GUARDED_BY(mutex_) = 0;
  uint64_t flushes_done_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool idle_ GUARDED_BY(mutex_) = false;  // the worker sleeps until it is woken

  std::atomic<uint64_t> queue_dropped_{0};
  std::atomic<uint64_t> failed_{0};  // an output threw over them

  // The worker's own:
  std::vector<Measurement> batch_;
  uint64_t reported_drops_ = 0;
  TimestampMs next_drop_report_ms_ = 0;
  TimestampMs next_system_ms_ = 0;

  std::thread worker_;  // last: it uses all of the above
};

}  // namespace templar
