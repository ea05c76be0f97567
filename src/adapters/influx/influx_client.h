// Requests to write to an InfluxDB server, 1.x and 2.x/3.x.
#pragma once

#include <atomic>
#include <memory>

#include "adapters/influx/influx_answer.h"
#include "adapters/influx/influx_config.h"
#include "base/bytes.h"

namespace templar {

// Keeps its connection open. No message holds the password or the token. The environment's proxy is not used.
// Not thread-safe, but for cancel().
class InfluxClient {
 public:
  // Fails (fatal) if the configuration is not valid. Speaks to nobody yet.
  [[nodiscard]] static Result<std::unique_ptr<InfluxClient>> open(const InfluxConfig& config);
  ~InfluxClient();

  // Sends lines that gzip() has packed. Returns after request_timeout at the latest.
  [[nodiscard]] WriteAnswer write(ByteView packed_lines);

  // The request that is going on, and each later one, ends within about a second.
  void cancel() { cancelled_ = true; }

 private:
  struct Handle;

  InfluxClient(const InfluxConfig& config, std::unique_ptr<Handle> handle);
  [[nodiscard]] WriteAnswer answer_of_status(long status, const std::string& body) const;
  [[nodiscard]] std::string without_secrets(std::string text) const;

  InfluxConfig config_;
  std::string address_;
  std::unique_ptr<Handle> handle_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace templar
