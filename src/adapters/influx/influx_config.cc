#include "adapters/influx/influx_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace templar {
namespace {

using std::chrono::milliseconds;

constexpr size_t kMaxBatch = 100'000;
constexpr milliseconds kMaxInterval{60'000};

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

Status validate_url(std::string_view url) {
  if (url.empty()) return fatal_error("InfluxDB: no url: give one as http://HOST:8086 or https://HOST");
  const bool https = url.starts_with("https://");
  if (!https && !url.starts_with("http://")) {
    return fatal_error("InfluxDB: the url must begin with http:// or https://");
  }
  const std::string_view rest = url.substr(https ? 8 : 7);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  // The url is shown in messages, so no part of it is repeated here: a secret may stand in it.
  if (authority.find('@') != std::string_view::npos) {
    return fatal_error("InfluxDB: the url holds a user or a password: give them as fields of their own");
  }
  if (rest.find_first_of("?#") != std::string_view::npos) {
    return fatal_error(
        "InfluxDB: the url has a query: give database, org, bucket and token as fields of their own");
  }
  if (authority.empty()) return fatal_error("InfluxDB: the url names no host");
  const bool printable = std::ranges::all_of(url, [](char c) { return c > 0x20 && c < 0x7f; });
  if (!printable) return fatal_error("InfluxDB: the url holds a space or a character that no url has");
  return {};
}

Status validate_header(std::string_view value, const char* what) {
  const bool fits = std::ranges::none_of(value, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  if (fits) return {};
  return fatal_error(fmt::format("InfluxDB: the {} holds a line end or another control character", what));
}

}  // namespace

InfluxVersion effective_version(const InfluxConfig& config) {
  if (config.version != InfluxVersion::kAuto) return config.version;
  return config.token.empty() && config.bucket.empty() ? InfluxVersion::k1 : InfluxVersion::k2;
}

Status validate(const InfluxConfig& config) {
  TRY(validate_url(config.url));
  TRY(validate_header(config.token, "token"));
  TRY(validate_header(config.user, "user"));
  TRY(validate_header(config.password, "password"));
  if (effective_version(config) == InfluxVersion::k1) {
    if (config.database.empty()) return fatal_error("InfluxDB 1.x: no database: name the one to write to");
    if (config.user.empty() && !config.password.empty()) {
      return fatal_error("InfluxDB 1.x: a password without a user: name the user");
    }
    if (config.user.find(':') != std::string::npos) {
      return fatal_error(
          "InfluxDB 1.x: the user's name holds a colon, which HTTP's basic authentication can't carry");
    }
  } else {
    if (config.bucket.empty()) return fatal_error("InfluxDB 2.x: no bucket: name the one to write to");
    if (config.token.empty())
      return fatal_error("InfluxDB 2.x: no token: give one that may write to the bucket");
  }
  if (config.batch_size < 1 || config.batch_size > kMaxBatch) {
    return fatal_error(fmt::format("InfluxDB: batch size {}: must be 1 to {}", config.batch_size, kMaxBatch));
  }
  if (config.flush_interval < milliseconds(1) || config.flush_interval > kMaxInterval) {
    return fatal_error(fmt::format("InfluxDB: flush interval of {} ms: must be 1 to {}",
                                   config.flush_interval.count(), kMaxInterval.count()));
  }
  if (config.connect_timeout < milliseconds(1) || config.request_timeout < milliseconds(1)) {
    return fatal_error("InfluxDB: a timeout must be at least 1 ms");
  }
  return {};
}

std::string write_address(const InfluxConfig& config) {
  std::string base = config.url;
  while (base.ends_with('/')) base.pop_back();
  if (effective_version(config) == InfluxVersion::k1) {
    return fmt::format("{}/write?db={}&precision=ns", base, percent_encoded(config.database));
  }
  return fmt::format("{}/api/v2/write?org={}&bucket={}&precision=ns", base, percent_encoded(config.org),
                     percent_encoded(config.bucket));
}

}  // namespace templar
