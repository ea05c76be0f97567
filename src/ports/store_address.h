// Where a store of objects is: a folder, or a bucket of an object storage service that speaks S3.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"

namespace templar {

// The folder that a FileObjectStore works in.
struct FileAddress {
  std::string folder;
  bool operator==(const FileAddress&) const = default;
};

// How a bucket's name is put into requests.
enum class BucketStyle {
  kPath,         // https://endpoint/bucket/key
  kVirtualHost,  // https://bucket.endpoint/key
};

struct S3Endpoint {
  bool is_https = true;
  std::string host;   // a name, an IPv4 address, or an IPv6 address in brackets; in lower case
  uint16_t port = 0;  // 0: the scheme's own
  bool operator==(const S3Endpoint&) const = default;

  // "https://host:port".
  [[nodiscard]] std::string text() const;
};

// A key that may read and nothing else. What a node registers with its address is no secret.
struct ReadKey {
  std::string id;
  std::string secret;
  bool operator==(const ReadKey&) const = default;
};

struct S3Address {
  // What lies in the store has keys that begin so: the bucket, then perhaps a prefix, joined by '/'.
  std::string bucket;
  std::string prefix;
  S3Endpoint endpoint;  // without a host: the reader's environment says, else it is Amazon's
  std::string region;   // empty: likewise
  BucketStyle style = BucketStyle::kPath;
  bool is_public = false;  // asked without a signature
  // That everybody may know and read with; empty: none.
  ReadKey read_key;
  bool operator==(const S3Address&) const = default;

  // "s3://bucket/prefix", as messages name it.
  [[nodiscard]] std::string place() const;
};

using StoreAddress = std::variant<FileAddress, S3Address>;

// file:PATH, or s3://BUCKET[/PREFIX][?SETTING=VALUE&...] with the settings endpoint (http[s]://HOST[:PORT]),
// region, style (path, virtual; path unless it is said), access (key, public; key unless it is said) and
// read-key (ID:SECRET of A-Z a-z 0-9 / + = . _ ~ -, as they are; not with access=public), each at most once.
// The bucket's name and the parts of the prefix are those that ports/object_store.h allows; 1,024 bytes at
// most. Fails (fatal) and says what is wrong and what an address looks like.
[[nodiscard]] Result<StoreAddress> parse_store_address(std::string_view text);

// The text that parses to the same address; settings that have their default are left out.
[[nodiscard]] std::string to_text(const StoreAddress& address);

// http[s]://HOST[:PORT], perhaps with '/' at its end. Fails (fatal).
[[nodiscard]] Result<S3Endpoint> parse_endpoint(std::string_view text);

}  // namespace templar
