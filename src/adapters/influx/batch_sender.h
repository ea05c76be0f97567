// One batch to one server: whole if the server takes it, else in halves, so that a bad line costs no good
// one.
#pragma once

#include <memory>

#include "adapters/influx/influx_client.h"
#include "adapters/influx/spool.h"

namespace templar {

struct SendReport {
  // kWritten: done with, written but for rejected_points. kRefused, kUnavailable: to be sent again, whole:
  // writing a point twice leaves one.
  WriteOutcome outcome = WriteOutcome::kWritten;
  std::string message;  // why it failed, or what the server said of the first line that it rejected
  uint64_t rejected_points = 0;
  std::chrono::seconds retry_after{0};
};

class BatchSender {
 public:
  explicit BatchSender(std::unique_ptr<InfluxClient> client) : client_(std::move(client)) {}

  [[nodiscard]] SendReport send(const PackedBatch& batch);
  // As InfluxClient::cancel(); by any thread.
  void cancel() { client_->cancel(); }
  [[nodiscard]] uint64_t requests() const { return requests_.load(); }

 private:
  [[nodiscard]] WriteAnswer request(ByteView packed);
  // Returns false if the rest is to be sent again.
  [[nodiscard]] bool send_in_halves(std::string_view lines, std::span<const size_t> ends, size_t begin,
                                    SendReport& report);
  [[nodiscard]] bool send_part(std::string_view lines, std::span<const size_t> ends, size_t begin,
                               SendReport& report);

  std::unique_ptr<InfluxClient> client_;
  std::atomic<uint64_t> requests_{0};
};

}  // namespace templar
