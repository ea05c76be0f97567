// Where a ledger on etcd is.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace templar {

struct EtcdAddress {
  std::vector<std::string> endpoints;  // "https://host:2379", in the order in which they are asked
  std::string prefix;                  // the parts of all keys before the run's own, joined by '/'
  std::string user;                    // empty: the server asks for none
  std::filesystem::path password_file;
  std::filesystem::path ca_file;  // certificates that servers are checked against; empty: the system's
  bool operator==(const EtcdAddress&) const = default;
};

// Whether the text is meant as one: it begins with "etcd:".
[[nodiscard]] bool is_etcd_address(std::string_view text);

// etcd:http[s]://HOST[:PORT][,HOST[:PORT]...]/PREFIX[?SETTING=VALUE&...] with the settings user (A-Z a-z 0-9
// - _ . @, at most 64), password-file (only with user) and ca-file (only with https), each at most once; a
// file's name is all up to the next '&'. The port is 2379 unless it is said; at most 16 hosts, none twice.
// The prefix has one or more parts of A-Z a-z 0-9 - _ . joined by '/', at most 128 bytes. The whole address
// has at most 2,048. Fails (fatal), says what is wrong and what an address looks like, and repeats nothing of
// what was given that could be a secret.
[[nodiscard]] Result<EtcdAddress> parse_etcd_address(std::string_view text);

// The text that parses to the same address.
[[nodiscard]] std::string to_text(const EtcdAddress& address);

}  // namespace templar
