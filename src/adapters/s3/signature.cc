#include "adapters/s3/signature.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/sha256.h"

namespace templar {
namespace {

constexpr const char* kAlgorithm = "AWS4-HMAC-SHA256";

// Without spaces at its ends, each run of spaces inside as one.
std::string folded(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == ' ' && (text.empty() || text.back() == ' ')) continue;
    text += c;
  }
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

Hash256 signing_key(const std::string& secret_key, std::string_view day, const SigningScope& scope) {
  Hash256 key = hmac_sha256(as_bytes("AWS4" + secret_key), as_bytes(day));
  for (const std::string_view part :
       {std::string_view(scope.region), std::string_view(scope.service), std::string_view("aws4_request")}) {
    key = hmac_sha256(key.view(), as_bytes(part));
  }
  return key;
}

}  // namespace

std::string signing_time(TimestampMs time_ms) {
  const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds(time_ms)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

std::string percent_encoded(std::string_view text, EncodedPart part) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos ||
                       (c == '/' && part == EncodedPart::kPath);
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string encoded_query(const TextPairs& query) {
  TextPairs encoded;
  for (const auto& [name, value] : query) {
    encoded.emplace_back(percent_encoded(name, EncodedPart::kQuery),
                         percent_encoded(value, EncodedPart::kQuery));
  }
  std::ranges::sort(encoded);
  std::string text;
  for (const auto& [name, value] : encoded) text += (text.empty() ? "" : "&") + name + "=" + value;
  return text;
}

std::string authorization(const RequestToSign& request, const S3Credentials& credentials,
                          const SigningScope& scope) {
  TextPairs headers = request.headers;
  std::ranges::sort(headers);
  std::string header_lines;
  std::string header_names;
  for (const auto& [name, value] : headers) {
    header_lines += name + ":" + folded(value) + "\n";
    header_names += (header_names.empty() ? "" : ";") + name;
  }
  const std::string canonical = request.method + "\n" + request.path + "\n" + encoded_query(request.query) +
                                "\n" + header_lines + "\n" + header_names + "\n" + request.payload_hash;
  const std::string time = signing_time(scope.time_ms);
  const std::string day = time.substr(0, 8);
  const std::string scope_text = fmt::format("{}/{}/{}/aws4_request", day, scope.region, scope.service);
  const std::string to_sign =
      fmt::format("{}\n{}\n{}\n{}", kAlgorithm, time, scope_text, sha256(as_bytes(canonical)).hex());
  const Hash256 signature =
      hmac_sha256(signing_key(credentials.secret_key, day, scope).view(), as_bytes(to_sign));
  return fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kAlgorithm,
                     credentials.access_key, scope_text, header_names, signature.hex());
}

}  // namespace templar
