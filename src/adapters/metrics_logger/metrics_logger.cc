#include "adapters/metrics_logger/metrics_logger.h"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "base/check.h"
#include "base/log/log.h"
#include "ports/measurement_names.h"

namespace templar {
namespace {

// A person's words for what the language calls std::bad_alloc.
std::string reason_of(const std::exception& error) {
  return dynamic_cast<const std::bad_alloc*>(&error) != nullptr ? "out of memory" : error.what();
}

constexpr TimestampMs kDropReportEveryMs = 10'000;
constexpr size_t kBatch = 4096;
// After a measurement that found the worker idle, for those that are written together with it.
constexpr std::chrono::milliseconds kLinger{2};

}  // namespace

MetricsLogger::MetricsLogger(MetricsLoggerOptions options, const Clock& clock,
                             std::vector<std::shared_ptr<MetricsOutput>> outputs)
    : options_(std::move(options)),
      clock_(clock),
      outputs_(std::move(outputs)),
      queue_(options_.queue_capacity),
      next_system_ms_(clock.now_ms()) {
  CHECK(options_.queue_capacity > 0 && options_.wake_interval.count() > 0);
  worker_ = std::thread([this] { run(); });
}

MetricsLogger::~MetricsLogger() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  worker_.join();
}

void MetricsLogger::write(Measurement measurement) {
  const bool has_time = measurement.time_ns != 0;
  const int64_t now_ns = has_time ? 0 : clock_.now_ns();  // asked for before the lock, which others wait for
  bool wake = false;
  {
    const MutexLock lock(mutex_);
    if (!has_time) measurement.time_ns = last_time_ns_ = std::max(now_ns, last_time_ns_ + 1);
    if (!queue_.push(measurement)) ++queue_dropped_;
    wake = std::exchange(idle_, false) || queue_.size() == (queue_.capacity() + 1) / 2;
  }
  if (wake) wake_.notify_one();
}

void MetricsLogger::flush() {
  MutexLock lock(mutex_);
  const uint64_t mine = ++flushes_wanted_;
  wake_.notify_one();
  flushed_.wait(mutex_, [&]() REQUIRES(mutex_) { return flushes_done_ >= mine; });
}

uint64_t MetricsLogger::dropped() const {
  uint64_t dropped = queue_dropped_.load() + failed_.load();
  for (const auto& output : outputs_) dropped += output->dropped();
  return dropped;
}

void MetricsLogger::run() {
  MeasurementQueue taken(options_.queue_capacity);
  MutexLock lock(mutex_);
  for (bool stopping = false; !stopping;) {
    wait_for_work();
    stopping = stopping_;
    const uint64_t flushes = flushes_wanted_;
    const bool must_flush = stopping || flushes > flushes_done_;
    queue_.swap(taken);
    lock.unlock();
    hand_on(taken);
    if (must_flush) flush_outputs();
    report_drops(stopping);
    lock.lock();
    flushes_done_ = flushes;
    flushed_.notify_all();
  }
}

// Without work the thread sleeps until there is some, or until the system is due; so an idle logger costs
// nobody anything, and what comes seldom is handed on at once. What comes in a stream is handed on in
// batches.
void MetricsLogger::wait_for_work() {
  const auto urgent = [&]() REQUIRES(mutex_) {
    return stopping_ || flushes_wanted_ > flushes_done_ || queue_.size() >= (queue_.capacity() + 1) / 2;
  };
  const bool idle = queue_.size() == 0;
  if (idle) {
    idle_ = true;
    const auto some_work = [&]() REQUIRES(mutex_) { return urgent() || queue_.size() > 0; };
    if (options_.system_interval.count() == 0) {
      wake_.wait(mutex_, some_work);
    } else {
      wake_.wait_for(mutex_, options_.wake_interval, some_work);
    }
    idle_ = false;
  }
  wake_.wait_for(mutex_, idle ? std::min(kLinger, options_.wake_interval) : options_.wake_interval, urgent);
}

void MetricsLogger::hand_on(MeasurementQueue& taken) {
  measure_system();
  taken.drain([&](const Measurement& measurement) {
    add_to_batch(measurement);
    if (batch_.size() == kBatch) write_batch();
  });
  if (!batch_.empty()) write_batch();
}

void MetricsLogger::add_to_batch(Measurement measurement) {
  measurement.tags.insert(options_.tags.begin(), options_.tags.end());
  batch_.push_back(std::move(measurement));
}

void MetricsLogger::measure_system() {
  if (options_.system_interval.count() == 0) return;
  const TimestampMs now_ms = clock_.now_ms();
  if (now_ms < next_system_ms_) return;
  next_system_ms_ = now_ms + options_.system_interval.count();
  Measurement system{.name = std::string(MeasurementName("system").text())};
  {
    const MutexLock lock(mutex_);
    system.time_ns = last_time_ns_ = std::max(clock_.now_ns(), last_time_ns_ + 1);
  }
  system.fields = sample(options_.system_metrics, "system");
  system.fields.merge(sample(options_.gpu_metrics, "gpu"));
  if (!system.fields.empty()) add_to_batch(std::move(system));
}

std::map<std::string, MetricValue> MetricsLogger::sample(const MetricSource& source, const char* what) const {
  if (!source) return {};
  try {
    return source();
  } catch (const std::exception& error) {
    log(LogLevel::kWarning, "metrics", "sampling failed", {{"of", what}, {"reason", reason_of(error)}});
    return {};
  }
}

void MetricsLogger::write_batch() {
  for (const auto& output : outputs_) {
    try {
      output->write(batch_);
    } catch (const std::exception& error) {
      failed_ += batch_.size();
      log(LogLevel::kError, "metrics", "an output failed", {{"reason", reason_of(error)}});
    }
  }
  batch_.clear();
}

void MetricsLogger::flush_outputs() {
  for (const auto& output : outputs_) {
    try {
      output->flush();
    } catch (const std::exception& error) {
      log(LogLevel::kError, "metrics", "an output failed to flush", {{"reason", reason_of(error)}});
    }
  }
}

void MetricsLogger::report_drops(bool at_once) {
  const uint64_t dropped = queue_dropped_.load();
  const TimestampMs now_ms = clock_.now_ms();
  if (dropped == reported_drops_ || (now_ms < next_drop_report_ms_ && !at_once)) return;
  next_drop_report_ms_ = now_ms + kDropReportEveryMs;
  log(LogLevel::kWarning, "metrics", "measurements dropped: more were logged than the outputs take",
      {{"dropped", dropped - reported_drops_}, {"dropped_in_all", dropped}});
  reported_drops_ = dropped;
}

}  // namespace templar
