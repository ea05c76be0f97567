// Requests to write to an InfluxDB server, 1.x and 2.x/3.x.
#pragma once

#include <memory>

#include "adapters/http/http_client.h"
#include "adapters/influx/influx_answer.h"
#include "adapters/influx/influx_config.h"
#include "base/bytes.h"

namespace templar {

// Keeps its connection open. No message holds the password or the token. Not thread-safe, but for cancel().
class InfluxClient {
 public:
  // Fails (fatal) if the configuration is not valid. Speaks to nobody yet.
  [[nodiscard]] static Result<std::unique_ptr<InfluxClient>> open(const InfluxConfig& config);

  // Sends lines that gzip() has packed. Returns after request_timeout at the latest.
  [[nodiscard]] WriteAnswer write(ByteView packed_lines);

  // The request that is going on ends at once, and so does each later one.
  void cancel() { http_.cancel(); }

 private:
  explicit InfluxClient(const InfluxConfig& config);
  [[nodiscard]] WriteAnswer answer_of(const HttpResponse& response) const;

  InfluxConfig config_;
  HttpClient http_;
  HttpPost post_;  // all but the body
};

}  // namespace templar
