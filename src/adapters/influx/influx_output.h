// Measurements to an InfluxDB server: in batches, on a thread of its own.
#pragma once

#include <atomic>
#include <memory>
#include <set>
#include <thread>

#include "adapters/influx/backlog.h"
#include "adapters/influx/batch_sender.h"
#include "adapters/metrics_logger/metrics_output.h"
#include "base/back_off.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/threads/mutex.h"

namespace templar {

struct InfluxOutputOptions {
  // Of this process alone; empty: what waits stays in memory and ends with it.
  std::filesystem::path spool_folder;
  uint64_t spool_bytes = uint64_t{256} << 20;
  uint64_t memory_bytes = uint64_t{64} << 20;    // packed
  std::chrono::milliseconds first_retry{1'000};  // doubled from failure to failure, with jitter
  std::chrono::milliseconds last_retry{60'000};
  std::chrono::milliseconds exit_time{3'000};  // for the last sending; what is left then stays in the folder
  uint64_t seed = 0;                           // of the jitter; nodes with different ones don't come at once
};

struct InfluxCounts {
  uint64_t written = 0;          // points that the server has taken
  uint64_t rejected = 0;         // that it never will, or that the protocol can't write
  uint64_t dropped = 0;          // that found no room any more, or were in memory at the end
  uint64_t waiting = 0;          // in the folder, or in memory where that fails
  uint64_t fields_left_out = 0;  // not finite
  uint64_t requests = 0;
};

// While the server is away, batches wait in the spool folder and are sent oldest first, by this process or
// the next; a point that is sent twice is one point. Where the disk fails they wait in memory, above the
// bounds the oldest are dropped, and both are said on the log. Wrong credentials or a missing database are
// waited for like a server that is away: nothing is lost while somebody puts it right.
class InfluxOutput final : public MetricsOutput {
 public:
  // Fails (fatal) on a configuration that is not valid or a folder that can't be made, (retry) while another
  // process uses the folder. The server need not be there. The clock must outlive the output.
  [[nodiscard]] static Result<std::unique_ptr<InfluxOutput>> open(const InfluxConfig& config,
                                                                  const InfluxOutputOptions& options,
                                                                  const Clock& clock);
  // Sends what there is for at most exit_time, and about a second for the request that is going on then.
  ~InfluxOutput() override;

  void write(std::span<const Measurement> measurements) override;
  // Waits for exit_time at most.
  void flush() override;
  [[nodiscard]] uint64_t dropped() const override { return rejected_.load() + dropped_.load(); }
  [[nodiscard]] InfluxCounts counts() const;

 private:
  InfluxOutput(const InfluxConfig& config, const InfluxOutputOptions& options, const Clock& clock,
               std::unique_ptr<InfluxClient> client, std::optional<Spool> spool);

  void append(const Measurement& measurement) REQUIRES(mutex_);
  void note_faults(const Measurement& measurement, const std::vector<std::string>& left_out) REQUIRES(mutex_);
  void close_batch() REQUIRES(mutex_);
  void run();
  [[nodiscard]] std::chrono::milliseconds time_to_wait() const REQUIRES(mutex_);
  void send_or_keep(PackedBatch batch);
  void keep(PackedBatch batch);
  [[nodiscard]] bool send_oldest();
  [[nodiscard]] bool settle(const SendReport& report, uint64_t points);
  void begin_waiting(const SendReport& report);
  void end_waiting();
  void leave();

  const size_t batch_size_;
  const std::chrono::milliseconds flush_interval_;
  const std::string url_;
  const InfluxOutputOptions options_;
  const Clock& clock_;
  BatchSender sender_;

  mutable Mutex mutex_;
  ConditionVariable wake_;
  ConditionVariable settled_;
  std::string lines_ GUARDED_BY(mutex_);  // the batch that is being filled
  uint64_t lines_points_ GUARDED_BY(mutex_) = 0;
  TimestampMs lines_due_ms_ GUARDED_BY(mutex_) = 0;
  std::deque<PackedBatch> ready_ GUARDED_BY(mutex_);
  uint64_t ready_bytes_ GUARDED_BY(mutex_) = 0;
  uint64_t flushes_wanted_ GUARDED_BY(mutex_) = 0;
  uint64_t flushes_done_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool ended_ GUARDED_BY(mutex_) = false;
  Random write_jitter_ GUARDED_BY(mutex_);
  std::set<std::string> fields_told_ GUARDED_BY(mutex_);

  std::atomic<uint64_t> written_{0};
  std::atomic<uint64_t> rejected_{0};
  std::atomic<uint64_t> dropped_{0};
  std::atomic<uint64_t> waiting_{0};
  std::atomic<uint64_t> fields_left_out_{0};

  // The shipping thread's own:
  Backlog backlog_;
  BackOff back_off_;
  TimestampMs retry_at_ms_ = 0;
  std::string told_failure_;
  bool told_disk_failure_ = false;
  TimestampMs next_rejection_report_ms_ = 0;
  TimestampMs next_drop_report_ms_ = 0;
  uint64_t reported_drops_ = 0;

  std::thread shipper_;  // last: it uses all of the above
};

}  // namespace templar
