// Signatures of requests to S3 (AWS signature version 4, in the header Authorization). Own code, because
// libcurl's leaves out what S3 asks for (docs/decisions/0021).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"

namespace templar {

struct S3Credentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // empty: the keys last
  bool operator==(const S3Credentials&) const = default;
};

using TextPairs = std::vector<std::pair<std::string, std::string>>;

struct RequestToSign {
  std::string method;
  std::string path;          // as it is sent, from '/' on: percent-encoded once
  TextPairs query;           // not encoded, in any order; a value may be empty
  TextPairs headers;         // all that are to be signed, host among them; names in lower case
  std::string payload_hash;  // the body's SHA-256 in hexadecimal
};

struct SigningScope {
  TimestampMs time_ms = 0;  // the header x-amz-date must say the same second
  std::string region;
  std::string service = "s3";
};

// The value of the header Authorization.
[[nodiscard]] std::string authorization(const RequestToSign& request, const S3Credentials& credentials,
                                        const SigningScope& scope);

// The value of the header x-amz-date: 20130524T000000Z.
[[nodiscard]] std::string signing_time(TimestampMs time_ms);

// All bytes but A-Z a-z 0-9 - . _ ~ as %XX; of a path also not '/'.
enum class EncodedPart { kPath, kQuery };
[[nodiscard]] std::string percent_encoded(std::string_view text, EncodedPart part);

// "a=1&b=": sorted and encoded, as it is signed and sent.
[[nodiscard]] std::string encoded_query(const TextPairs& query);

}  // namespace templar
