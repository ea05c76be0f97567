// A request to S3 as it arrived, taken apart for a server that checks its signature.
#pragma once

#include <httplib.h>

#include <ctime>
#include <map>
#include <optional>
#include <string>

#include "adapters/s3/signature.h"
#include "base/utf8.h"

namespace templar::testing {

// "Fri, 24 May 2013 00:00:00 GMT" and "2013-05-24T00:00:00.000Z".
[[nodiscard]] inline std::string formatted_time(TimestampMs time_ms, const char* format) {
  const std::time_t seconds = time_ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof(text), format, &parts)};
}
[[nodiscard]] inline std::string http_date(TimestampMs time_ms) {
  return formatted_time(time_ms, "%a, %d %b %Y %H:%M:%S GMT");
}
[[nodiscard]] inline std::string utc_time(TimestampMs time_ms) {
  return formatted_time(time_ms, "%Y-%m-%dT%H:%M:%S.000Z");
}

struct S3Wire {
  explicit S3Wire(const httplib::Request& request) {
    const size_t question = request.target.find('?');
    path = request.target.substr(0, question);
    std::string rest = question == std::string::npos ? "" : request.target.substr(question + 1);
    while (!rest.empty()) {
      const std::string part = rest.substr(0, rest.find('&'));
      rest.erase(0, part.size() + 1);
      const size_t equals = part.find('=');
      query.emplace_back(decoded(part.substr(0, equals)),
                         equals == std::string::npos ? "" : decoded(part.substr(equals + 1)));
    }
    const std::string plain = decoded(path);
    const size_t slash = plain.find('/', 1);
    bucket = plain.substr(1, slash - 1);
    key = slash == std::string::npos ? "" : plain.substr(slash + 1);
    for (const auto& [name, value] : request.headers) {
      if (ascii_lower(name).starts_with("x-amz-meta-")) metadata[ascii_lower(name)] = value;
    }
    const std::string given = request.get_header_value("Authorization");
    const std::string credential = between(given, "Credential=", ",");
    access_key = credential.substr(0, credential.find('/'));
    region = between(credential.substr(access_key.size()), "/", "/aws4");
    region = region.substr(region.find('/') + 1);
    region = region.substr(0, region.find('/'));
    signed_names = between(given, "SignedHeaders=", ",");
    time = request.get_header_value("x-amz-date");
  }

  [[nodiscard]] bool has(const std::string& name) const {
    for (const auto& [given, value] : query) {
      if (given == name) return true;
    }
    return false;
  }
  [[nodiscard]] std::string parameter(const std::string& name) const {
    for (const auto& [given, value] : query) {
      if (given == name) return value;
    }
    return "";
  }
  [[nodiscard]] std::optional<TimestampMs> time_ms() const {
    std::tm parts{};
    if (::strptime(time.c_str(), "%Y%m%dT%H%M%SZ", &parts) == nullptr) return std::nullopt;
    return TimestampMs{::timegm(&parts)} * 1000;
  }
  // What the signature must be of: what has arrived.
  [[nodiscard]] RequestToSign signed_request(const httplib::Request& request) const {
    RequestToSign to_sign{.method = request.method,
                          .path = path,
                          .query = query,
                          .headers = {},
                          .payload_hash = request.get_header_value("x-amz-content-sha256")};
    std::string rest = signed_names;
    while (!rest.empty()) {
      const std::string name = rest.substr(0, rest.find(';'));
      rest.erase(0, name.size() + 1);
      to_sign.headers.emplace_back(name, request.get_header_value(name.c_str()));
    }
    return to_sign;
  }

  std::string path, bucket, key, access_key, region, signed_names, time;
  TextPairs query;
  std::map<std::string, std::string> metadata;

 private:
  static std::string decoded(const std::string& text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '%' && i + 2 < text.size()) {
        out += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
        i += 2;
      } else {
        out += text[i];
      }
    }
    return out;
  }
  static std::string between(const std::string& text, const std::string& begin, const std::string& end) {
    const size_t from = text.find(begin);
    if (from == std::string::npos) return "";
    const size_t start = from + begin.size();
    return text.substr(start, text.find(end, start) - start);
  }
};

}  // namespace templar::testing
