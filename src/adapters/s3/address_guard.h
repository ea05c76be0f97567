// What keeps a peer's address from leading into our own network, or to services that trust this machine.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "ports/store_address.h"

struct sockaddr;

namespace templar {

// What a peer's address may be beyond a public one by https.
struct PeerAddressRules {
  bool allow_http = false;
  bool allow_private = false;  // loopback, link-local and private networks
};

// Why that address is none of the public internet's ("loopback", ...), whatever form it has: also where an
// IPv6 address carries an IPv4 one (mapped, NAT64, 6to4). nullopt: it is public.
[[nodiscard]] std::optional<std::string> not_public(const sockaddr& address);

// What can be said of a peer's address before names are resolved: scheme, port, an endpoint of its own, and a
// host that is neither a name of this machine or its network nor, in any spelling, an address that is not
// public. Fails (skip) with the reason. Names that lead to such addresses are refused by not_public when they
// are connected to.
[[nodiscard]] Status check_peer_address(const S3Address& address, const PeerAddressRules& rules);

}  // namespace templar
