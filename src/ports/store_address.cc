#include "ports/store_address.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/utf8.h"
#include "ports/object_store.h"

namespace templar {
namespace {

constexpr size_t kMaxAddressBytes = 1024;
constexpr size_t kMaxHostBytes = 253;
constexpr size_t kMaxRegionBytes = 64;
constexpr size_t kMaxReadKeyHalf = 128;  // of each half of a read key
constexpr const char* kForms =
    "; an address is file:FOLDER or s3://BUCKET/PREFIX?endpoint=https://HOST:PORT&region=REGION";

std::unexpected<Error> bad_address(const std::string& what) {
  return fatal_error("address of a store: " + what + kForms);
}

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_host_name(std::string_view host) {
  const bool plain =
      std::ranges::all_of(host, [](char c) { return is_alphanumeric(c) || c == '.' || c == '-'; });
  return plain && !host.empty() && host.size() <= kMaxHostBytes && is_alphanumeric(host.front()) &&
         host.find("..") == std::string_view::npos;
}

bool is_bracketed(std::string_view host) {
  return host.size() > 3 && host.size() <= 48 && host.starts_with('[') && host.ends_with(']') &&
         std::ranges::all_of(host.substr(1, host.size() - 2), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' ||
                  c == '.';
         });
}

// What is in brackets has colons of its own.
size_t port_colon(std::string_view authority) {
  const size_t begin = authority.starts_with('[') ? authority.find(']') : 0;
  return begin == std::string_view::npos ? begin : authority.find(':', begin);
}

Result<std::string> checked_region(std::string_view text) {
  const bool plain =
      std::ranges::all_of(text, [](char c) { return is_alphanumeric(c) || c == '-' || c == '_'; });
  if (!plain || text.empty() || text.size() > kMaxRegionBytes)
    return bad_address("a region is made of letters, digits, - and _, at most 64");
  return std::string(text);
}

Result<ReadKey> checked_read_key(std::string_view text) {
  const size_t colon = std::min(text.find(':'), text.size());
  const std::string_view id = text.substr(0, colon);
  const std::string_view secret = text.substr(std::min(colon + 1, text.size()));
  const auto is_half = [](std::string_view half) {
    return !half.empty() && half.size() <= kMaxReadKeyHalf && std::ranges::all_of(half, [](char c) {
      return is_alphanumeric(c) || std::string_view("/+=._~-").find(c) != std::string_view::npos;
    });
  };
  if (!is_half(id) || !is_half(secret))
    return bad_address("a read key is ID:SECRET, each of letters, digits and / + = . _ ~ -, at most 128");
  return ReadKey{.id = std::string(id), .secret = std::string(secret)};
}

Status take_setting(S3Address& address, std::string_view name, std::string_view value) {
  if (name == "endpoint") {
    TRY_ASSIGN(address.endpoint, parse_endpoint(value));
  } else if (name == "region") {
    TRY_ASSIGN(address.region, checked_region(value));
  } else if (name == "style") {
    if (value != "path" && value != "virtual") return bad_address("style is path or virtual");
    address.style = value == "virtual" ? BucketStyle::kVirtualHost : BucketStyle::kPath;
  } else if (name == "access") {
    if (value != "key" && value != "public") return bad_address("access is key or public");
    address.is_public = value == "public";
  } else if (name == "read-key") {
    TRY_ASSIGN(address.read_key, checked_read_key(value));
  } else {
    // What was given is not repeated: somebody may have put a secret there.
    return bad_address(
        "a setting other than endpoint, region, style, access, read-key (keys that may write are never part "
        "of it)");
  }
  return {};
}

Result<S3Address> parse_s3_address(std::string_view text) {
  S3Address address;
  const size_t question = text.find('?');
  std::string_view place = text.substr(0, question);
  while (place.ends_with('/')) place.remove_suffix(1);
  const size_t slash = place.find('/');
  address.bucket = place.substr(0, slash);
  if (const Status status = check_bucket_name(address.bucket); !status)
    return bad_address(status.error().message);
  if (slash != std::string_view::npos) {
    address.prefix = place.substr(slash + 1);
    if (const Status status = check_object_key(address.prefix); !status)
      return bad_address(status.error().message);
  }
  std::set<std::string_view> seen;
  std::string_view settings = question == std::string_view::npos ? "" : text.substr(question + 1);
  while (!settings.empty()) {
    const std::string_view setting = settings.substr(0, settings.find('&'));
    settings.remove_prefix(std::min(setting.size() + 1, settings.size()));
    const size_t equals = std::min(setting.find('='), setting.size());
    const std::string_view name = setting.substr(0, equals);
    if (!seen.insert(name).second) return bad_address("a setting stands there twice");
    TRY(take_setting(address, name, setting.substr(std::min(equals + 1, setting.size()))));
  }
  if (address.style == BucketStyle::kVirtualHost && address.endpoint.host.starts_with('['))
    return bad_address("style=virtual needs an endpoint with a name: the bucket's comes before it");
  if (address.is_public && !address.read_key.id.empty())
    return bad_address("access=public and a read key: what is public needs no key");
  return address;
}

std::string s3_text(const S3Address& address) {
  std::string settings;
  const auto add = [&settings](const std::string& name, const std::string& value) {
    settings += (settings.empty() ? "?" : "&") + name + "=" + value;
  };
  if (!address.endpoint.host.empty()) add("endpoint", address.endpoint.text());
  if (!address.region.empty()) add("region", address.region);
  if (address.style == BucketStyle::kVirtualHost) add("style", "virtual");
  if (address.is_public) add("access", "public");
  if (!address.read_key.id.empty()) add("read-key", address.read_key.id + ":" + address.read_key.secret);
  return address.place() + settings;
}

}  // namespace

std::string S3Endpoint::text() const {
  return fmt::format("{}://{}{}", is_https ? "https" : "http", host,
                     port == 0 ? "" : fmt::format(":{}", port));
}

std::string S3Address::place() const {
  return "s3://" + bucket + (prefix.empty() ? "" : "/" + prefix);
}

Result<S3Endpoint> parse_endpoint(std::string_view text) {
  S3Endpoint endpoint{.is_https = text.starts_with("https://")};
  if (!endpoint.is_https && !text.starts_with("http://"))
    return bad_address("an endpoint begins with https:// or http://");
  text.remove_prefix(endpoint.is_https ? 8 : 7);
  if (text.ends_with('/')) text.remove_suffix(1);
  const size_t colon = port_colon(text);
  const std::string_view host = text.substr(0, colon);
  if (!is_host_name(host) && !is_bracketed(host))
    return bad_address("an endpoint is http[s]://HOST[:PORT], without user, path or query");
  endpoint.host = ascii_lower(host);
  if (colon == std::string_view::npos) return endpoint;
  const std::string_view port = text.substr(colon + 1);
  const auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (failure != std::errc() || end != port.data() + port.size() || endpoint.port == 0)
    return bad_address("an endpoint's port is a number from 1 to 65535");
  return endpoint;
}

Result<StoreAddress> parse_store_address(std::string_view text) {
  if (text.size() > kMaxAddressBytes)
    return bad_address(fmt::format("{} bytes, at most {} are allowed", text.size(), kMaxAddressBytes));
  if (text.starts_with("file:")) {
    text.remove_prefix(5);
    if (text.empty() || text.find('\0') != std::string_view::npos) return bad_address("it names no folder");
    return FileAddress{std::string(text)};
  }
  if (!text.starts_with("s3://")) return bad_address("it begins with neither file: nor s3://");
  TRY_ASSIGN(S3Address address, parse_s3_address(text.substr(5)));
  return address;
}

std::string to_text(const StoreAddress& address) {
  if (const auto* file = std::get_if<FileAddress>(&address)) return "file:" + file->folder;
  return s3_text(std::get<S3Address>(address));
}

}  // namespace templar
