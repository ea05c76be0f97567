// Where an InfluxDB server is and how to speak to it.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "base/result.h"

namespace templar {

enum class InfluxVersion {
  kAuto,  // 2 if there is a token or a bucket, else 1
  k1,     // /write: database, user and password
  k2,     // /api/v2/write, of 2.x and 3.x: org, bucket and token
};

struct InfluxConfig {
  std::string url;  // "https://host:8086", perhaps with a path before the protocol's own
  InfluxVersion version = InfluxVersion::kAuto;
  std::string database;
  std::string user;  // empty: none is asked for
  std::string password;
  std::string org;
  std::string bucket;
  std::string token;
  std::filesystem::path ca_file;  // certificates of authorities to trust instead of the system's
  size_t batch_size = 1000;       // measurements in a request; validators: 10,000
  std::chrono::milliseconds flush_interval{
      10'000};  // a batch is sent at the latest after that, at most a minute
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds request_timeout{30'000};
};

// Fails (fatal) naming the field that is missing or wrong. No message holds the password or the token.
[[nodiscard]] Status validate(const InfluxConfig& config);

// Never kAuto.
[[nodiscard]] InfluxVersion effective_version(const InfluxConfig& config);

// The whole address that points are sent to; it holds no secret.
[[nodiscard]] std::string write_address(const InfluxConfig& config);

}  // namespace templar
