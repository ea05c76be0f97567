#include "adapters/s3/address_guard.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <string>
#include <vector>

#include "support/expect_failure.h"

namespace templar::testing {
namespace {

// Refused as a text, or as a peer's address.
Status check_text(const std::string& text, const PeerAddressRules& rules = {}) {
  TRY_ASSIGN(const StoreAddress address, parse_store_address(text));
  const auto* s3 = std::get_if<S3Address>(&address);
  return s3 == nullptr ? fatal_error("a folder of this machine") : check_peer_address(*s3, rules);
}

std::optional<std::string> not_public_text(const std::string& text) {
  if (text.find(':') == std::string::npos) {
    sockaddr_in ipv4{};
    ipv4.sin_family = AF_INET;
    EXPECT_EQ(::inet_pton(AF_INET, text.c_str(), &ipv4.sin_addr), 1) << text;
    return not_public(reinterpret_cast<const sockaddr&>(ipv4));
  }
  sockaddr_in6 ipv6{};
  ipv6.sin6_family = AF_INET6;
  EXPECT_EQ(::inet_pton(AF_INET6, text.c_str(), &ipv6.sin6_addr), 1) << text;
  return not_public(reinterpret_cast<const sockaddr&>(ipv6));
}

}  // namespace

TEST(AddressGuard, RefusesHostsThatAreNoneOfThePublicInternet) {
  for (const char* host :
       {// loopback in every spelling
        "127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "127.255.255.254", "0x7f000001", "0x7f.0.0.1",
        "0X7F.1", "2130706433", "017700000001", "0177.0.0.1", "0177.1", "127.0.0.1:8080", "localhost",
        "LOCALHOST", "localhost.", "a.localhost", "host.localdomain", "[::1]", "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        // unspecified
        "0.0.0.0", "0", "0x0", "[::]", "[::ffff:0.0.0.0]",
        // private and shared networks
        "10.0.0.1", "10.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "192.168.257", "0xc0a80101",
        "3232235777", "100.64.0.1", "[fc00::1]", "[fd12:3456::1]", "[::ffff:10.0.0.1]", "[64:ff9b::c0a8:101]",
        "[64:ff9b:1::1]",
        // link-local, and the services that give away a machine's secrets
        "169.254.169.254", "169.254.1.1", "0xa9fea9fe", "2852039166", "[fe80::1]", "[::ffff:169.254.169.254]",
        "[fd00:ec2::254]", "168.63.129.16", "100.100.100.200", "192.0.0.192", "metadata.google.internal",
        "metadata",
        // multicast, reserved, for documentation, tunnels
        "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.51.100.1",
        "203.0.113.9", "198.18.0.1", "[ff02::1]", "[2001:db8::1]", "[2001:0:1::1]", "[100::1]",
        // numbers that resolvers read in their own ways, names of local networks
        "127.0.0.1.2", "1.2.3", "0x7f.0x0.0x0.0x100", "256.1.1.1", "08.8.8.8", "printer", "nas.local",
        "db.corp", "a.internal", "x.lan"}) {
    EXPECT_FALSE(check_text("s3://bucket?endpoint=https://" + std::string(host))) << host;
  }
}

TEST(AddressGuard, RefusesAddressesOfOtherForms) {
  for (const char* text :
       {"file:/etc", "file:///etc/passwd", "http://example.com/bucket", "ftp://example.com",
        "gopher://127.0.0.1:6379", "s3://bucket", "s3://bucket?endpoint=http://s3.example.com",
        "s3://bucket?endpoint=https://s3.example.com:22", "s3://bucket?endpoint=https://s3.example.com:25",
        "s3://bucket?endpoint=https://s3.example.com:80", "s3://bucket?endpoint=https://user@s3.example.com",
        "s3://bucket?endpoint=https://s3.example.com#@127.0.0.1",
        "s3://bucket?endpoint=https://s3.example.com%2f@127.0.0.1",
        "s3://bucket?endpoint=https://[fe80::1%25eth0]",
        "s3://bucket?endpoint=https://127.0.0.1\\.example.com",
        "s3://bucket?endpoint=https://\xe2\x91\xa0.1.1.1"}) {
    EXPECT_FALSE(check_text(text)) << text;
  }
  EXPECT_FALSE(check_text("s3://bucket?endpoint=https://" + std::string(254, 'a') + ".com"));
  EXPECT_FALSE(check_text("s3://bucket/" + std::string(2000, 'a') + "?endpoint=https://s3.example.com"));
}

TEST(AddressGuard, TakesAddressesOfThePublicInternet) {
  for (const char* host :
       {"s3.example.com", "s3.eu-central-1.amazonaws.com", "abc.r2.cloudflarestorage.com:443", "8.8.8.8",
        "s3.example.com:9000", "[2600:9000::1]", "[::ffff:8.8.8.8]", "100.63.0.1", "172.32.0.1"}) {
    const Status status = check_text("s3://bucket/prefix?endpoint=https://" + std::string(host));
    EXPECT_TRUE(status) << host << ": " << status.error().message;
  }
}

TEST(AddressGuard, TakesWhatTheRunAllows) {
  const std::string local = "s3://bucket?endpoint=http://127.0.0.1:9000";
  EXPECT_TRUE(fails(check_text(local), ErrorKind::kSkip, "http is not allowed"));
  EXPECT_TRUE(fails(check_text(local, {.allow_http = true}), ErrorKind::kSkip, "loopback"));
  EXPECT_TRUE(check_text(local, {.allow_http = true, .allow_private = true}));
  EXPECT_FALSE(
      check_text("s3://bucket?endpoint=http://127.0.0.1:22", {.allow_http = true, .allow_private = true}));
}

TEST(AddressGuard, KnowsTheAddressesThatNamesLeadTo) {
  for (const char* address : {"127.0.0.1",
                              "10.2.3.4",
                              "172.20.0.1",
                              "192.168.0.1",
                              "169.254.169.254",
                              "100.127.255.255",
                              "0.1.2.3",
                              "224.0.0.251",
                              "::1",
                              "::",
                              "::ffff:192.168.0.1",
                              "64:ff9b::10.0.0.1",
                              "64:ff9b:1::8.8.8.8",
                              "2002:a00:1::1",
                              "fd00::1",
                              "fe80::1",
                              "fec0::1",
                              "ff05::2",
                              "2001::1",
                              "::8.8.8.8",
                              "4000::1"}) {
    EXPECT_TRUE(not_public_text(address).has_value()) << address;
  }
  for (const char* address : {"8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.0", "169.253.0.1",
                              "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "2606:4700::1111"}) {
    EXPECT_EQ(not_public_text(address), std::nullopt) << address;
  }
  sockaddr local{};
  local.sa_family = AF_UNIX;
  EXPECT_TRUE(not_public(local).has_value());
}

}  // namespace templar::testing
