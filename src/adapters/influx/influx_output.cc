#include "adapters/influx/influx_output.h"

#include <algorithm>
#include <utility>

#include "adapters/http/gzip.h"
#include "adapters/influx/line_protocol.h"
#include "base/log/log.h"

namespace templar {
namespace {

using std::chrono::milliseconds;

constexpr size_t kMaxLinesBytes = size_t{4} << 20;  // a request is not larger, whatever the batch size
constexpr size_t kMaxFieldsTold = 1000;
constexpr milliseconds kIdleWait{60'000};
constexpr milliseconds kLongestRetry{600'000};  // whatever a server asks for
constexpr TimestampMs kReportEveryMs = 10'000;

// How long until then; a clock that was set back makes nobody wait longer than `at_most`.
milliseconds time_until(TimestampMs then_ms, TimestampMs now_ms, milliseconds at_most) {
  const milliseconds left{then_ms - now_ms};
  return left > at_most ? milliseconds(0) : std::max(left, milliseconds(0));
}

}  // namespace

Result<std::unique_ptr<InfluxOutput>> InfluxOutput::open(const InfluxConfig& config,
                                                         const InfluxOutputOptions& options,
                                                         const Clock& clock) {
  TRY_ASSIGN(auto client, InfluxClient::open(config));
  std::optional<Spool> spool;
  if (!options.spool_folder.empty()) {
    TRY_ASSIGN(spool, Spool::open(options.spool_folder, options.spool_bytes));
  }
  return std::unique_ptr<InfluxOutput>(
      new InfluxOutput(config, options, clock, std::move(client), std::move(spool)));
}

InfluxOutput::InfluxOutput(const InfluxConfig& config, const InfluxOutputOptions& options, const Clock& clock,
                           std::unique_ptr<InfluxClient> client, std::optional<Spool> spool)
    : batch_size_(config.batch_size),
      flush_interval_(config.flush_interval),
      url_(config.url),
      options_(options),
      clock_(clock),
      sender_(std::move(client)),
      write_jitter_(options.seed, "write"),
      backlog_(std::move(spool), options.memory_bytes),
      back_off_({.first_pause = options.first_retry,
                 .longest_pause = options.last_retry,
                 .jitter_seed = options.seed}) {
  waiting_ = backlog_.points();
  shipper_ = std::thread([this] { run(); });
}

InfluxOutput::~InfluxOutput() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
    if (!settled_.wait_for(mutex_, options_.exit_time, [&]() REQUIRES(mutex_) { return ended_; }))
      sender_.cancel();
  }
  shipper_.join();
}

void InfluxOutput::write(std::span<const Measurement> measurements) {
  const MutexLock lock(mutex_);
  for (const Measurement& measurement : measurements) append(measurement);
}

void InfluxOutput::append(const Measurement& measurement) {
  LineFaults faults;
  const bool has_line = append_line_protocol(lines_, measurement, faults);
  if (!faults.fields.empty() || !has_line) note_faults(measurement, faults.fields);
  if (!has_line) {
    ++rejected_;
    return;
  }
  if (++lines_points_ == 1) {
    // Between half the interval and all of it, at random: nodes that began together don't all send in one
    // instant.
    lines_due_ms_ = clock_.now_ms() + static_cast<int64_t>(static_cast<double>(flush_interval_.count()) *
                                                           (0.5 + 0.5 * write_jitter_.uniform()));
    wake_.notify_one();  // it has to know when to come
  }
  if (lines_points_ < batch_size_ && lines_.size() < kMaxLinesBytes) return;
  close_batch();
  wake_.notify_one();
}

void InfluxOutput::note_faults(const Measurement& measurement, const std::vector<std::string>& left_out) {
  fields_left_out_ += left_out.size();
  const auto tell_once = [&](const std::string& what, const char* message) REQUIRES(mutex_) {
    if (fields_told_.size() < kMaxFieldsTold && fields_told_.insert(what).second)
      log(LogLevel::kWarning, "metrics", message, {{"field", what}});
  };
  for (const std::string& field : left_out)
    tell_once(measurement.name + "." + field,
              "InfluxDB can't hold NaN or an infinity: such a field is left out");
  if (left_out.empty())
    tell_once(measurement.name, "a measurement without a name or a field can't be written to InfluxDB");
}

void InfluxOutput::close_batch() {
  ready_.push_back({.points = lines_points_, .packed = gzip(lines_)});
  ready_bytes_ += ready_.back().packed.size();
  lines_.clear();
  lines_points_ = 0;
  while (ready_bytes_ > options_.memory_bytes) {
    dropped_ += ready_.front().points;
    ready_bytes_ -= ready_.front().packed.size();
    ready_.pop_front();
  }
}

void InfluxOutput::flush() {
  MutexLock lock(mutex_);
  const uint64_t mine = ++flushes_wanted_;
  wake_.notify_one();
  settled_.wait_for(mutex_, options_.exit_time, [&]() REQUIRES(mutex_) { return flushes_done_ >= mine; });
}

InfluxCounts InfluxOutput::counts() const {
  return {.written = written_.load(),
          .rejected = rejected_.load(),
          .dropped = dropped_.load(),
          .waiting = waiting_.load(),
          .fields_left_out = fields_left_out_.load(),
          .requests = sender_.requests()};
}

void InfluxOutput::run() {
  MutexLock lock(mutex_);
  for (;;) {
    if (!stopping_ && flushes_wanted_ == flushes_done_ && ready_.empty())
      wake_.wait_for(mutex_, time_to_wait());
    const bool stopping = stopping_;
    const uint64_t flushes = flushes_wanted_;
    const bool close = stopping || flushes > flushes_done_ ||
                       time_until(lines_due_ms_, clock_.now_ms(), flush_interval_).count() == 0;
    if (close && lines_points_ > 0) close_batch();
    std::deque<PackedBatch> taken = std::exchange(ready_, {});
    ready_bytes_ = 0;
    lock.unlock();
    for (PackedBatch& batch : taken) send_or_keep(std::move(batch));
    if (stopping) break;
    // One a round: neither new batches nor a flush() wait behind a long backlog.
    if (!backlog_.empty() && time_until(retry_at_ms_, clock_.now_ms(), kLongestRetry).count() == 0)
      static_cast<void>(send_oldest());
    lock.lock();
    flushes_done_ = flushes;
    settled_.notify_all();
  }
  leave();
  lock.lock();
  flushes_done_ = flushes_wanted_;
  ended_ = true;
  settled_.notify_all();
}

milliseconds InfluxOutput::time_to_wait() const {
  const TimestampMs now_ms = clock_.now_ms();
  milliseconds wait = kIdleWait;
  if (lines_points_ > 0) wait = std::min(wait, time_until(lines_due_ms_, now_ms, flush_interval_));
  if (!backlog_.empty()) wait = std::min(wait, time_until(retry_at_ms_, now_ms, kLongestRetry));
  return wait;
}

void InfluxOutput::send_or_keep(PackedBatch batch) {
  // Behind those that wait, so that they leave in their order; a server that is away is only asked when a
  // retry is due.
  if (back_off_.failing() || !backlog_.empty()) {
    keep(std::move(batch));
    return;
  }
  const SendReport report = sender_.send(batch);
  if (!settle(report, batch.points)) keep(std::move(batch));
}

void InfluxOutput::keep(PackedBatch batch) {
  dropped_ += backlog_.push(std::move(batch));
  waiting_ = backlog_.points();
  const bool disk_fails = !backlog_.disk_failure().empty();
  if (disk_fails && !told_disk_failure_) {
    log(LogLevel::kWarning, "metrics",
        "measurements that wait for InfluxDB are kept in memory: make room on the disk",
        {{"reason", backlog_.disk_failure()}});
  }
  told_disk_failure_ = disk_fails;
  const TimestampMs now_ms = clock_.now_ms();
  if (dropped_.load() == reported_drops_ || now_ms < next_drop_report_ms_) return;
  next_drop_report_ms_ = now_ms + kReportEveryMs;
  log(LogLevel::kWarning, "metrics", "the oldest measurements that wait for InfluxDB are dropped",
      {{"dropped", dropped_.load() - reported_drops_}, {"dropped_in_all", dropped_.load()}});
  reported_drops_ = dropped_.load();
}

bool InfluxOutput::send_oldest() {
  const auto batch = backlog_.front();
  if (!batch) {
    log(LogLevel::kWarning, "metrics", "kept measurements are lost", {{"reason", batch.error().message}});
    dropped_ += backlog_.front_points();
  } else if (!settle(sender_.send(*batch), batch->points)) {
    return false;
  }
  backlog_.pop();
  waiting_ = backlog_.points();
  return true;
}

// Whether the batch is done with.
bool InfluxOutput::settle(const SendReport& report, uint64_t points) {
  if (report.outcome != WriteOutcome::kWritten) {
    begin_waiting(report);
    return false;
  }
  if (back_off_.failing()) end_waiting();
  const uint64_t rejected = std::min(points, report.rejected_points);
  written_ += points - rejected;
  rejected_ += rejected;
  const TimestampMs now_ms = clock_.now_ms();
  if (rejected > 0 && now_ms >= next_rejection_report_ms_) {
    next_rejection_report_ms_ = now_ms + kReportEveryMs;
    log(LogLevel::kWarning, "metrics", "InfluxDB rejects measurements",
        {{"rejected", rejected}, {"rejected_in_all", rejected_.load()}, {"reason", report.message}});
  }
  return true;
}

void InfluxOutput::begin_waiting(const SendReport& report) {
  const milliseconds asked_for = std::min<milliseconds>(report.retry_after, kLongestRetry);
  retry_at_ms_ = clock_.now_ms() + std::max(back_off_.next_pause(), asked_for).count();
  if (report.message == told_failure_) return;
  told_failure_ = report.message;
  log(LogLevel::kWarning, "metrics", "InfluxDB takes no measurements; they are kept for it",
      {{"reason", report.message}});
}

void InfluxOutput::end_waiting() {
  back_off_.succeed();
  retry_at_ms_ = 0;
  told_failure_.clear();
  log(LogLevel::kInfo, "metrics", "InfluxDB takes measurements again",
      {{"url", url_}, {"waiting", backlog_.points()}});
}

void InfluxOutput::leave() {
  while (!backlog_.empty() && send_oldest()) {
  }
  const uint64_t lost = backlog_.points_in_memory();
  dropped_ += lost;
  if (lost > 0)
    log(LogLevel::kWarning, "metrics", "measurements for InfluxDB are lost at the end", {{"lost", lost}});
  const uint64_t left = backlog_.points() - lost;
  if (left > 0)
    log(LogLevel::kInfo, "metrics", "measurements for InfluxDB stay in their folder for the next start",
        {{"waiting", left}, {"folder", options_.spool_folder.string()}});
}

}  // namespace templar
