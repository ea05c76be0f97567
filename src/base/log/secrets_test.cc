#include "base/log/secrets.h"

#include <gtest/gtest.h>

#include "base/log/log_event.h"
#include "base/log/log_format.h"
#include "support/fuzz_corpus.h"

namespace templar {
namespace {

TEST(Secrets, AreHiddenWhereverTheyStand) {
  ASSERT_TRUE(register_secret("s3cret-of-test-1"));
  EXPECT_EQ(redact("s3cret-of-test-1, (s3cret-of-test-1)s3cret-of-test-1"), "<secret>, (<secret>)<secret>");
  EXPECT_EQ(redact("s3cret-of-test"), "s3cret-of-test");
}

TEST(Secrets, AreHiddenAsAnAddressSpellsThem) {
  ASSERT_TRUE(register_secret("pa/ss wo+rd"));
  EXPECT_EQ(redact("GET /x?key=pa%2Fss%20wo%2Brd or pa%2fss%20wo%2brd or pa/ss wo+rd"),
            "GET /x?key=<secret> or <secret> or <secret>");
}

TEST(Secrets, AreHiddenWholeWhereOneIsAPartOfAnother) {
  ASSERT_TRUE(register_secret("inner-part"));
  ASSERT_TRUE(register_secret("the-inner-part-and-more"));
  EXPECT_EQ(redact("the-inner-part-and-more"), "<secret>");
}

TEST(Secrets, MayBeBytesShownInHexadecimal) {
  const Bytes seed = {0xde, 0xad, 0xbe, 0xef, 0x01};
  ASSERT_TRUE(register_secret_bytes(seed));
  EXPECT_EQ(redact("seed deadbeef01 DEADBEEF01"), "seed <secret> <secret>");
}

TEST(Secrets, AreNotLookedForIfTheyAreTooShort) {
  EXPECT_FALSE(register_secret("abc"));
  EXPECT_FALSE(register_secret(""));
  EXPECT_FALSE(register_secret_bytes(Bytes{1, 2, 3}));
  EXPECT_EQ(redact("abc"), "abc");
}

TEST(Redact, HidesWhatFollowsTheNamesOfSecrets) {
  EXPECT_EQ(redact("failed: token=abc.def next"), "failed: token=<secret> next");
  EXPECT_EQ(redact("password=a,b;c)d"), "password=<secret>");
  EXPECT_EQ(redact("Access_Token=abc&org=x PASSWD='two words' rest"),
            "Access_Token=<secret>&org=x PASSWD='<secret>' rest");
  EXPECT_EQ(redact("secret= spaced"), "secret= <secret>");
  EXPECT_EQ(redact(R"({"password": "a b","user":"me"})"), R"({"password": "<secret>","user":"me"})");
  EXPECT_EQ(redact(R"(said "{\"token\":\"abc\"}")"), R"(said "{\"token\":\"<secret>"}")");
  EXPECT_EQ(redact("POST /write?db=x&u=me&p=abc&precision=ns"),
            "POST /write?db=x&u=me&p=<secret>&precision=ns");
  EXPECT_EQ(redact("s3://b?read-key=AKIA:se/cret&region=x"), "s3://b?read-key=<secret>&region=x");
  EXPECT_EQ(redact("http://me:abc@host:80/x"), "http://me:<secret>@host:80/x");
  EXPECT_EQ(redact("> Authorization: Token a b c\nHost: x"), "> Authorization: <secret>\nHost: x");
  EXPECT_EQ(redact(R"({"authorization":"Bearer x"})"), R"({"authorization":"<secret>"})");
}

TEST(Redact, LeavesOrdinaryTextAlone) {
  for (const std::string text :
       {"tokens=512 loss=1.5", "bad token: expected a number", "password", "token=", "http://host:80/x?q=1",
        "http://host/me:x@y", "stop=1", "at 12:00:00", "Authorization:", "p=1", "", "\"token\" and more"}) {
    EXPECT_EQ(redact(text), text);
  }
}

TEST(Redact, GoesThroughAllTextOfAnEvent) {
  ASSERT_TRUE(register_secret("event-secret"));
  LogEvent event{LogLevel::kInfo,
                 "event-secret",
                 "is event-secret",
                 {{"a", "event-secret"}, {"influx_token", "x"}, {"tokens", 5}, {"token", 5}}};
  redact(event);
  EXPECT_EQ(format_log_event(event),
            "<secret>: is <secret> a=<secret> influx_token=<secret> tokens=5 token=5");
}

TEST(Redact, HasSeedsForTheFuzzer) {
  std::vector<std::pair<std::string, Bytes>> seeds;
  for (const std::string_view text :
       {"token=abc&x", "Authorization: Basic eA==\n", R"({\"password\": \"a b\"})", "http://u:p@h/?p=1&p=2",
        "fuzzed-secret", "://:@", "secret='fuzzed-sefuzzed-secretcret'"}) {
    const ByteView bytes = as_bytes(text);
    seeds.emplace_back(std::to_string(seeds.size()), Bytes(bytes.begin(), bytes.end()));
  }
  testing::expect_fuzz_corpus("secrets_fuzz", seeds);
}

}  // namespace
}  // namespace templar
