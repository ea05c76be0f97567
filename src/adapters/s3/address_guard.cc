#include "adapters/s3/address_guard.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

namespace templar {
namespace {

constexpr uint16_t kFirstUnprivilegedPort = 1024;

struct Ipv4Network {
  uint32_t address;
  int bits;
  const char* what;
};

// IANA's registry of special addresses, and what cloud providers serve their machines' secrets at.
constexpr std::array kIpv4Networks = std::to_array<Ipv4Network>({{0x00000000, 8, "unspecified"},
                                                                 {0x0a000000, 8, "private"},
                                                                 {0x64400000, 10, "private (shared)"},
                                                                 {0x7f000000, 8, "loopback"},
                                                                 {0xa83f8110, 32, "metadata service"},
                                                                 {0xa9fea9fe, 32, "metadata service"},
                                                                 {0xa9fe0000, 16, "link-local"},
                                                                 {0xac100000, 12, "private"},
                                                                 {0xc0000000, 24, "special"},
                                                                 {0xc0000200, 24, "for documentation"},
                                                                 {0xc0586300, 24, "special"},
                                                                 {0xc0a80000, 16, "private"},
                                                                 {0xc6120000, 15, "for benchmarks"},
                                                                 {0xc6336400, 24, "for documentation"},
                                                                 {0xcb007100, 24, "for documentation"},
                                                                 {0xe0000000, 4, "multicast"},
                                                                 {0xf0000000, 4, "reserved"}});

std::optional<std::string> not_public_ipv4(uint32_t address) {
  for (const Ipv4Network& network : kIpv4Networks) {
    if ((address ^ network.address) >> (32 - network.bits) == 0) return network.what;
  }
  return std::nullopt;
}

using Ipv6 = std::array<uint8_t, 16>;

bool begins_with(const Ipv6& address, std::initializer_list<uint8_t> bytes) {
  return std::equal(bytes.begin(), bytes.end(), address.begin());
}

uint32_t ipv4_at(const Ipv6& address, size_t at) {
  return uint32_t{address[at]} << 24 | uint32_t{address[at + 1]} << 16 | uint32_t{address[at + 2]} << 8 |
         uint32_t{address[at + 3]};
}

std::optional<std::string> not_public_ipv6(const Ipv6& address) {
  if (begins_with(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}))
    return not_public_ipv4(ipv4_at(address, 12));
  if (begins_with(address, {0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}))
    return not_public_ipv4(ipv4_at(address, 12));
  if (begins_with(address, {0x20, 0x02})) return not_public_ipv4(ipv4_at(address, 2));
  if (begins_with(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})) {
    const uint32_t last = ipv4_at(address, 12);
    return last == 0 ? "unspecified" : last == 1 ? "loopback" : "special";
  }
  if (begins_with(address, {0x20, 0x01, 0, 0})) return "a tunnel (Teredo)";
  if (begins_with(address, {0x20, 0x01, 0x0d, 0xb8})) return "for documentation";
  if ((address[0] & 0xfe) == 0xfc) return "private";
  if (address[0] == 0xfe && (address[1] & 0xc0) == 0x80) return "link-local";
  if (address[0] == 0xff) return "multicast";
  // All that is given out for the public internet.
  return (address[0] & 0xe0) == 0x20 ? std::nullopt : std::optional<std::string>("special");
}

// The address if the host is one, in any spelling that some resolver takes: 127.1, 0x7f000001, 017700000001.
std::optional<std::string> not_public_literal(const std::string& host) {
  if (host.starts_with('[')) {
    Ipv6 address{};
    const std::string inside = host.substr(1, host.size() - 2);
    if (::inet_pton(AF_INET6, inside.c_str(), address.data()) != 1) return "no IPv6 address";
    return not_public_ipv6(address);
  }
  in_addr address{};
  if (::inet_aton(host.c_str(), &address) != 0) return not_public_ipv4(ntohl(address.s_addr));
  return std::nullopt;
}

bool is_number_like(std::string_view label) {
  return label.starts_with("0x") ||
         (!label.empty() && std::ranges::all_of(label, [](char c) { return c >= '0' && c <= '9'; }));
}

// Why a name is none that the public internet has.
std::optional<std::string> not_public_name(std::string_view host) {
  if (host.starts_with('[')) return std::nullopt;
  const size_t dot = host.rfind('.');
  if (dot == std::string_view::npos) return "a name without a dot is one of the local network";
  const std::string_view last = host.substr(dot + 1);
  in_addr address{};
  if (is_number_like(last) && ::inet_pton(AF_INET, std::string(host).c_str(), &address) != 1)
    return "a number that is no plain IPv4 address";
  for (const std::string_view local :
       {"localhost", "local", "internal", "lan", "home", "corp", "intranet", "localdomain"}) {
    if (last == local) return "a name of the local network";
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> not_public(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    return not_public_ipv4(ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6) {
    Ipv6 bytes{};
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, bytes.size());
    return not_public_ipv6(bytes);
  }
  return "no internet address";
}

Status check_peer_address(const S3Address& address, const PeerAddressRules& rules) {
  const S3Endpoint& endpoint = address.endpoint;
  const auto refuse = [&](const std::string& reason) -> Status {
    return skip_error(fmt::format("{} at {}: {}", address.place(), endpoint.text(), reason));
  };
  if (endpoint.host.empty()) return refuse("a peer's address must name its endpoint");
  if (!endpoint.is_https && !rules.allow_http)
    return refuse("http is not allowed: whoever is on the way could change what is read");
  const uint16_t own_port = endpoint.is_https ? 443 : 80;
  if (endpoint.port != 0 && endpoint.port != own_port && endpoint.port < kFirstUnprivilegedPort)
    return refuse(fmt::format("port {} belongs to another service", endpoint.port));
  if (rules.allow_private) return {};
  std::string host = endpoint.host;
  while (host.ends_with('.')) host.pop_back();
  auto reason = not_public_literal(host);
  if (!reason) reason = not_public_name(host);
  return reason ? refuse("not an address of the public internet: " + *reason) : Status();
}

}  // namespace templar
