#include "adapters/etcd_ledger/etcd_address.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "ports/store_address.h"

namespace templar {
namespace {

constexpr std::string_view kEtcdScheme = "etcd:";
constexpr uint16_t kEtcdPort = 2379;
constexpr size_t kMaxEtcdAddressBytes = 2048;
constexpr size_t kMaxEtcdEndpoints = 16;
constexpr size_t kMaxEtcdPrefixBytes = 128;
constexpr size_t kMaxEtcdUserBytes = 64;

std::unexpected<Error> bad_etcd_address(const std::string& what) {
  return fatal_error("address of a ledger on etcd: " + what +
                     "; an address is etcd:https://HOST:2379,HOST:2379/PREFIX?user=NAME&ca-file=FILE");
}

bool is_made_of(std::string_view text, std::string_view others) {
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           others.find(c) != std::string_view::npos;
  });
}

Result<std::vector<std::string>> parse_etcd_endpoints(std::string_view scheme, std::string_view hosts) {
  if (hosts.find('@') != std::string_view::npos)
    return bad_etcd_address(
        "a host with '@': the user is a setting, user=NAME, and a password never part of it");
  std::vector<std::string> endpoints;
  for (;;) {
    const std::string_view host = hosts.substr(0, hosts.find(','));
    auto endpoint = parse_endpoint(std::string(scheme) + std::string(host));
    if (!endpoint || host.ends_with('/'))
      return bad_etcd_address("a host is HOST or HOST:PORT, and the scheme stands once, before the first");
    if (endpoint->port == 0) endpoint->port = kEtcdPort;
    endpoints.push_back(endpoint->text());
    if (std::ranges::count(endpoints, endpoints.back()) > 1)
      return bad_etcd_address("a host stands there twice");
    if (endpoints.size() > kMaxEtcdEndpoints)
      return bad_etcd_address(fmt::format("more than {} hosts", kMaxEtcdEndpoints));
    if (host.size() == hosts.size()) return endpoints;
    hosts.remove_prefix(host.size() + 1);
  }
}

Result<std::string> checked_etcd_prefix(std::string_view text) {
  if (text.ends_with('/')) text.remove_suffix(1);
  const bool has_empty_part =
      text.starts_with('/') || text.ends_with('/') || text.find("//") != std::string_view::npos;
  if (!is_made_of(text, "-_./") || has_empty_part || text.size() > kMaxEtcdPrefixBytes)
    return bad_etcd_address(
        "it names no prefix: what all keys of this ledger begin with, parts of letters, digits, - _ and . "
        "joined "
        "by /, at most 128 bytes");
  return std::string(text);
}

Result<std::filesystem::path> checked_etcd_file(std::string_view name, std::string_view text) {
  const bool has_controls =
      std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < ' '; });
  if (text.empty() || has_controls) return bad_etcd_address(fmt::format("{} names no file", name));
  return std::filesystem::path(text);
}

Status take_etcd_setting(EtcdAddress& address, std::string_view name, std::string_view value) {
  if (name == "user") {
    if (!is_made_of(value, "-_.@") || value.size() > kMaxEtcdUserBytes)
      return bad_etcd_address("a user is made of letters, digits and - _ . @, at most 64");
    address.user = value;
  } else if (name == "password-file") {
    TRY_ASSIGN(address.password_file, checked_etcd_file(name, value));
  } else if (name == "ca-file") {
    TRY_ASSIGN(address.ca_file, checked_etcd_file(name, value));
  } else {
    // What was given is not repeated: somebody may have put a secret there.
    return bad_etcd_address(
        "a setting other than user, password-file, ca-file (the password itself is never part of it: it "
        "comes "
        "from password-file or TEMPLAR_ETCD_PASSWORD)");
  }
  return {};
}

Status take_etcd_settings(EtcdAddress& address, std::string_view settings) {
  std::set<std::string_view> seen;
  while (!settings.empty()) {
    const std::string_view setting = settings.substr(0, settings.find('&'));
    settings.remove_prefix(std::min(setting.size() + 1, settings.size()));
    const size_t equals = std::min(setting.find('='), setting.size());
    if (!seen.insert(setting.substr(0, equals)).second)
      return bad_etcd_address("a setting stands there twice");
    TRY(take_etcd_setting(address, setting.substr(0, equals),
                          setting.substr(std::min(equals + 1, setting.size()))));
  }
  return {};
}

}  // namespace

bool is_etcd_address(std::string_view text) {
  return text.starts_with(kEtcdScheme);
}

Result<EtcdAddress> parse_etcd_address(std::string_view text) {
  if (!is_etcd_address(text)) return bad_etcd_address("it does not begin with etcd:");
  if (text.size() > kMaxEtcdAddressBytes)
    return bad_etcd_address(
        fmt::format("{} bytes, at most {} are allowed", text.size(), kMaxEtcdAddressBytes));
  text.remove_prefix(kEtcdScheme.size());
  const bool is_https = text.starts_with("https://");
  if (!is_https && !text.starts_with("http://"))
    return bad_etcd_address("https:// or http:// must follow etcd:");
  const std::string_view scheme = is_https ? "https://" : "http://";
  text.remove_prefix(scheme.size());
  const size_t question = text.find('?');
  const std::string_view place = text.substr(0, question);
  const size_t slash = std::min(place.find('/'), place.size());
  EtcdAddress address;
  TRY_ASSIGN(address.endpoints, parse_etcd_endpoints(scheme, place.substr(0, slash)));
  TRY_ASSIGN(address.prefix, checked_etcd_prefix(place.substr(std::min(slash + 1, place.size()))));
  if (question != std::string_view::npos) TRY(take_etcd_settings(address, text.substr(question + 1)));
  if (address.user.empty() && !address.password_file.empty())
    return bad_etcd_address("a password-file without a user");
  if (!is_https && !address.ca_file.empty())
    return bad_etcd_address("a ca-file with http: without TLS no certificate is looked at");
  return address;
}

std::string to_text(const EtcdAddress& address) {
  std::string text(kEtcdScheme);
  for (const std::string& endpoint : address.endpoints) {
    const bool is_first = &endpoint == &address.endpoints.front();
    text += is_first ? endpoint : "," + endpoint.substr(endpoint.find("://") + 3);
  }
  text += "/" + address.prefix;
  char before = '?';
  const auto add = [&](const char* name, const std::string& value) {
    if (value.empty()) return;
    text += fmt::format("{}{}={}", before, name, value);
    before = '&';
  };
  add("user", address.user);
  add("password-file", address.password_file.string());
  add("ca-file", address.ca_file.string());
  return text;
}

}  // namespace templar
