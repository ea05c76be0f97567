// The front of everything that is measured: takes measurements from the threads that work and hands them to
// the outputs on a thread of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "adapters/metrics_logger/log_queue.h"
#include "adapters/metrics_logger/metrics_output.h"
#include "base/clock.h"
#include "base/mutex.h"

namespace templar {

// Fields that are sampled now. Called by the logger's worker alone.
using MetricSource = std::function<std::map<std::string, MetricValue>()>;

struct LogOptions {
  int64_t time_ns = 0;          // since the Unix epoch; 0: now
  bool system_metrics = false;  // add the fields of the system's source; fields that are there already win
  bool gpu_metrics = false;     // likewise of the GPUs'
  double sample_rate = 1;       // the share of such calls that is kept; 1 or more: all, 0 or less: none
};

struct MetricsLoggerOptions {
  std::map<std::string, std::string> tags;  // on every measurement; a measurement's own tags win
  size_t queue_capacity = 65'536;
  std::chrono::milliseconds wake_interval{50};  // how long a measurement waits, at most, for the worker
  MetricSource system_metrics;                  // empty: nothing is added
  MetricSource gpu_metrics;
  std::chrono::milliseconds system_interval{0};  // how often a measurement "system" is made of both; 0: never
  uint64_t sampling_seed = 0;
};

// A call to log() or write() stamps the measurement, moves it into a bounded queue and returns: it waits for
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

  void write(Measurement measurement) override { log(std::move(measurement), {}); }
  // options.time_ns wins over the measurement's, if both are given.
  void log(Measurement measurement, const LogOptions& options);
  // With the field rules of field_value.h.
  void log(std::string name, std::map<std::string, std::string> tags, LogFields fields,
           const LogOptions& options = {});

  // Waits for the outputs' own flush. Not for a thread that works.
  void flush() override;
  // By the queue and by the outputs.
  [[nodiscard]] uint64_t dropped() const override;

 private:
  void add(LoggedMeasurement added, const LogOptions& options);
  [[nodiscard]] bool is_sampled(double rate);
  void run();
  void wait_for_work() REQUIRES(mutex_);
  void hand_on(LogQueue& taken);
  [[nodiscard]] Measurement completed(const LoggedMeasurement& logged);
  void add_periodic();
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
  LogQueue queue_ GUARDED_BY(mutex_);
  int64_t last_time_ns_ GUARDED_BY(mutex_) = 0;
  uint64_t flushes_wanted_ GUARDED_BY(mutex_) = 0;
  uint64_t flushes_done_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool idle_ GUARDED_BY(mutex_) = false;  // the worker sleeps until it is woken

  std::atomic<uint64_t> sampled_calls_{0};
  std::atomic<uint64_t> queue_dropped_{0};
  std::atomic<uint64_t> failed_{0};  // an output threw over them

  // The worker's own:
  std::vector<Measurement> batch_;
  uint64_t reported_drops_ = 0;
  TimestampMs next_drop_report_ms_ = 0;
  TimestampMs next_system_ms_ = 0;
  std::map<std::string, MetricValue> system_fields_;  // of this wake
  std::map<std::string, MetricValue> gpu_fields_;
  bool system_sampled_ = false;
  bool gpu_sampled_ = false;

  std::thread worker_;  // last: it uses all of the above
};

}  // namespace templar
