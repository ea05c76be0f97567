#include "adapters/etcd_ledger/etcd_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/expect_failure.h"
#include "support/fuzz_corpus.h"

namespace templar::testing {
namespace {

using ::testing::ElementsAre;

TEST(EtcdAddress, HasServersAPrefixAndSettings) {
  const auto address =
      parse_etcd_address(
          "etcd:https://One.example,two.example:99,[fd00::1]:2379/templar/run_1.a?user=a@b-c&"
          "password-file=/run/a b&ca-file=ca.pem")
          .value();
  EXPECT_THAT(address.endpoints,
              ElementsAre("https://one.example:2379", "https://two.example:99", "https://[fd00::1]:2379"));
  EXPECT_EQ(address.prefix, "templar/run_1.a");
  EXPECT_EQ(address.user, "a@b-c");
  EXPECT_EQ(address.password_file, "/run/a b");
  EXPECT_EQ(address.ca_file, "ca.pem");
  const auto plain = parse_etcd_address("etcd:http://127.0.0.1/x/").value();
  EXPECT_THAT(plain.endpoints, ElementsAre("http://127.0.0.1:2379"));
  EXPECT_EQ(plain.prefix, "x");
  EXPECT_EQ(plain.user, "");
}

TEST(EtcdAddress, ComesBackFromItsText) {
  for (const char* text :
       {"etcd:http://127.0.0.1:2379/x", "etcd:https://a:1,b:2/p/q?user=u",
        "etcd:https://a:1/p?user=u&password-file=f&ca-file=g", "etcd:https://a:1/p?ca-file=a=b"}) {
    EXPECT_EQ(to_text(parse_etcd_address(text).value()), text);
  }
}

TEST(EtcdAddress, SaysWhatIsWrong) {
  const auto refuses = [](const std::string& text, const char* reason) {
    return fails(parse_etcd_address(text), ErrorKind::kFatal, reason);
  };
  EXPECT_TRUE(refuses("", "does not begin with etcd:"));
  EXPECT_TRUE(refuses("etcd:", "https:// or http:// must follow"));
  EXPECT_TRUE(refuses("etcd:host:2379/x", "https:// or http:// must follow"));
  EXPECT_TRUE(refuses("etcd:ftp://host/x", "https:// or http:// must follow"));
  EXPECT_TRUE(refuses("etcd:http:///x", "a host is HOST or HOST:PORT"));
  EXPECT_TRUE(refuses("etcd:http://a,/x", "a host is HOST or HOST:PORT"));
  EXPECT_TRUE(refuses("etcd:http://a:0/x", "a host is HOST or HOST:PORT"));
  EXPECT_TRUE(refuses("etcd:http://a:65536/x", "a host is HOST or HOST:PORT"));
  EXPECT_TRUE(refuses("etcd:http://a,http://b/x", "the scheme stands once"));
  EXPECT_TRUE(refuses("etcd:http://a,b,a:2379/x", "a host stands there twice"));
  std::string many = "etcd:http://h0";
  for (int i = 1; i < 17; ++i) many += ",h" + std::to_string(i);
  EXPECT_TRUE(refuses(many + "/x", "more than 16 hosts"));
  for (const char* prefix : {"", "/", "//", "/a//b", "/a b", "//a", "/a%20"})
    EXPECT_TRUE(refuses(std::string("etcd:http://a") + prefix, "it names no prefix")) << prefix;
  EXPECT_TRUE(refuses("etcd:http://a/" + std::string(129, 'x'), "it names no prefix"));
  EXPECT_TRUE(refuses("etcd:http://a/x?user=", "a user is made of"));
  EXPECT_TRUE(refuses("etcd:http://a/x?user=a&user=a", "a setting stands there twice"));
  EXPECT_TRUE(refuses("etcd:http://a/x?password-file=f", "a password-file without a user"));
  EXPECT_TRUE(refuses("etcd:http://a/x?user=u&password-file=", "password-file names no file"));
  EXPECT_TRUE(refuses("etcd:http://a/x?ca-file=f", "a ca-file with http"));
  EXPECT_TRUE(refuses("etcd:http://a/" + std::string(2048, 'x'), "2062 bytes, at most 2048"));
}

TEST(EtcdAddress, RepeatsNoPasswordThatWasPutIntoIt) {
  for (const char* text : {"etcd:http://me:hidden@a/x", "etcd:http://a/x?user=me&password=hidden",
                           "etcd:http://a/x?user=me:hidden", "etcd:http://a/x?hidden"}) {
    const auto address = parse_etcd_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().message.find("hidden"), std::string::npos) << address.error().message;
  }
}

TEST(EtcdAddress, HasSeedsForTheFuzzer) {
  std::vector<std::pair<std::string, Bytes>> seeds;
  for (const std::string_view text :
       {"etcd:http://127.0.0.1:2379/x", "etcd:https://a,b:2,[::1]/p/q?user=u&password-file=f&ca-file=g",
        "etcd:http://a/x?user=a@b", "etcd:https://me:x@a/x", "etcd:http://a,,b//?&&="}) {
    const ByteView bytes = as_bytes(text);
    seeds.emplace_back(std::to_string(seeds.size()), Bytes(bytes.begin(), bytes.end()));
  }
  expect_fuzz_corpus("etcd_address_fuzz", seeds);
}

}  // namespace
}  // namespace templar::testing
