#include "adapters/influx/influx_client.h"

#include <fmt/format.h>

#include "base/log/secrets.h"

namespace templar {

InfluxClient::InfluxClient(const InfluxConfig& config)
    : config_(config),
      http_({.connect_timeout = config.connect_timeout,
             .timeout = config.request_timeout,
             .ca_file = config.ca_file}),
      post_{.url = write_address(config)} {
  post_.headers = {{"Content-Type", "text/plain; charset=utf-8"}, {"Content-Encoding", "gzip"}};
  if (effective_version(config_) == InfluxVersion::k2) {
    post_.headers.emplace_back("Authorization", "Token " + config_.token);
  } else {
    post_.user = config_.user;
    post_.password = config_.password;
  }
}

Result<std::unique_ptr<InfluxClient>> InfluxClient::open(const InfluxConfig& config) {
  TRY(validate(config));
  // A server may repeat what it was sent.
  static_cast<void>(register_secret(config.password));
  static_cast<void>(register_secret(config.token));
  return std::unique_ptr<InfluxClient>(new InfluxClient(config));
}

WriteAnswer InfluxClient::write(ByteView packed_lines) {
  post_.body.assign(as_text(packed_lines));
  const auto response = http_.post(post_);
  if (response) {
    WriteAnswer answer = answer_of(*response);
    answer.message = redact(answer.message);
    answer.retry_after = response->retry_after.value_or(std::chrono::seconds(0));
    return answer;
  }
  const bool may_pass = response.error().kind == ErrorKind::kRetry;
  return {.outcome = may_pass ? WriteOutcome::kUnavailable : WriteOutcome::kRefused,
          .message = redact("InfluxDB at " + response.error().message +
                            (may_pass ? ": is the url right, and is the server running?" : ""))};
}

WriteAnswer InfluxClient::answer_of(const HttpResponse& response) const {
  const int status = response.status;
  if (status >= 200 && status < 300) return {.outcome = WriteOutcome::kWritten};
  const bool is_v1 = effective_version(config_) == InfluxVersion::k1;
  const std::string said = server_message(response.body);
  const std::string what =
      fmt::format("InfluxDB at {}: HTTP {}{}{}", config_.url, status, said.empty() ? "" : ": ", said);
  const std::string place = is_v1 ? fmt::format("database '{}'", config_.database)
                                  : fmt::format("bucket '{}' of org '{}'", config_.bucket, config_.org);
  switch (status) {
    case 400:
    case 422:
      return {.outcome = WriteOutcome::kRejected,
              .message = what,
              .rejected_lines = partial_write_dropped(said).value_or(0)};
    case 401:
      return {.outcome = WriteOutcome::kRefused,
              .message = what + (is_v1 ? ": check the user and the password" : ": check the token")};
    case 403:
      return {.outcome = WriteOutcome::kRefused,
              .message = fmt::format("{}: the {} may not write to {}: grant it", what,
                                     is_v1 ? "user" : "token", place)};
    case 404:
      return {.outcome = WriteOutcome::kRefused,
              .message = fmt::format("{}: is there a {}, and is the url right? Create it or name another",
                                     what, place)};
    case 413:
      return {.outcome = WriteOutcome::kTooLarge, .message = what};
    case 408:
    case 429:
      return {.outcome = WriteOutcome::kUnavailable, .message = what};
    default:
      if (status >= 500) return {.outcome = WriteOutcome::kUnavailable, .message = what};
      return {.outcome = WriteOutcome::kRefused,
              .message = what + ": is the url that of an InfluxDB server?"};
  }
}

}  // namespace templar
