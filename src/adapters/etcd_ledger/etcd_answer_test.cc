#include "adapters/etcd_ledger/etcd_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.h"
#include "support/expect_failure.h"
#include "support/fuzz_corpus.h"

namespace templar::testing {
namespace {

// As etcd 3.4.23 writes them.
constexpr const char* kTwoPairs =
    R"({"header":{"cluster_id":"17300438976491492131","member_id":"13668033151171901709","revision":"3","raft_term":"2"},
"kvs":[{"key":"dC9h","create_revision":"2","mod_revision":"2","version":"1","value":"eA=="},
{"key":"dC9j","create_revision":"3","mod_revision":"3","version":"1"}],"more":true,"count":"5"})";
constexpr const char* kNothing = R"({"header":{"revision":"1","raft_term":"2"}})";
constexpr const char* kWritten =
    R"({"header":{"revision":"3"},"succeeded":true,"responses":[{"response_put":{"header":{"revision":"3"}}}]})";
constexpr const char* kPresence =
    R"({"header":{"revision":"3"},"succeeded":true,"responses":[{"response_range":{"header":{"revision":"3"}}},
{"response_range":{"header":{"revision":"3"},"kvs":[{"key":"dC9h","mod_revision":"2"}],"count":"1"}}]})";
constexpr const char* kDenied =
    R"({"error":"etcdserver: permission denied","message":"etcdserver: permission denied","code":7})";
constexpr const char* kToken = R"({"header":{"revision":"4"},"token":"syiPdYQfQMUewToK.21"})";
constexpr const char* kCreated = R"({"result":{"header":{"revision":"3"},"created":true}})";
constexpr const char* kChange =
    R"({"result":{"header":{"revision":"7"},"events":[{"kv":{"key":"dC9k","create_revision":"4","mod_revision":"4",
"version":"1","value":"eA=="}},{"type":"DELETE","kv":{"key":"dC9k","mod_revision":"3"}}]}})";
constexpr const char* kProgress = R"({"result":{"header":{"revision":"9"}}})";
constexpr const char* kCompacted =
    R"({"result":{"header":{"raft_term":"2"},"canceled":true,"compact_revision":"3"}})";
constexpr const char* kBadToken =
    R"({"result":{"header":{"revision":"4"},"watch_id":"-1","created":true,"canceled":true,
"cancel_reason":"rpc error: code = Unauthenticated desc = etcdserver: invalid auth token"}})";

std::string web_token(const std::string& claims) {
  return "eyJhbGciOiJSUzI1NiJ9." + to_base64(as_bytes(claims), Base64Form::kUrl) + ".c2lnbmF0dXJl";
}

TEST(EtcdAnswer, TellsWhatIsInARange) {
  const EtcdRange range = parse_etcd_range(kTwoPairs, 2).value();
  EXPECT_EQ(range.revision, 3);
  EXPECT_TRUE(range.has_more);
  ASSERT_EQ(range.pairs.size(), 2u);
  EXPECT_EQ(range.pairs[0].key, "t/a");
  EXPECT_EQ(as_text(range.pairs[0].content), "x");
  EXPECT_EQ(range.pairs[1].revision, 3);
  EXPECT_TRUE(range.pairs[1].content.empty());
  const EtcdRange empty = parse_etcd_range(kNothing, 1).value();
  EXPECT_EQ(empty.revision, 1);
  EXPECT_TRUE(empty.pairs.empty());
  EXPECT_FALSE(empty.has_more);
}

TEST(EtcdAnswer, TakesNumbersAndFieldsOfLaterVersions) {
  const EtcdRange range =
      parse_etcd_range(R"({"header":{"revision":7},"kvs":[],"more":false,"new":{"a":[1]}})", 1).value();
  EXPECT_EQ(range.revision, 7);
  EXPECT_EQ(parse_etcd_refusal(R"({"code":5,"message":"Not Found","details":[]})").message, "Not Found");
}

TEST(EtcdAnswer, RefusesARangeThatIsNone) {
  const auto refuses = [](const std::string& body, const char* reason) {
    return fails(parse_etcd_range(body, 2), ErrorKind::kRetry, reason);
  };
  const auto with_pairs = [](const std::string& pairs) {
    return R"({"header":{"revision":"9"},"kvs":[)" + pairs + "]}";
  };
  EXPECT_TRUE(refuses("", "is no answer of etcd"));
  EXPECT_TRUE(refuses("<html>", "is no answer of etcd"));
  EXPECT_TRUE(refuses("[]", "no object"));
  EXPECT_TRUE(refuses("{}", "no header"));
  EXPECT_TRUE(refuses(R"({"header":{}})", "revision is missing"));
  for (const char* revision :
       {"\"\"", "\"-1\"", "\"1x\"", "\"9223372036854775808\"", "1.5", "true", "-3", "null"})
    EXPECT_TRUE(
        refuses(R"({"header":{"revision":)" + std::string(revision) + "}}", "revision is no whole number"))
        << revision;
  EXPECT_TRUE(refuses(R"({"header":{"revision":"9"},"kvs":{}})", "kvs is no list"));
  EXPECT_TRUE(refuses(R"({"header":{"revision":"9"},"more":1})", "more is neither"));
  EXPECT_TRUE(refuses(with_pairs("1"), "a pair without key"));
  EXPECT_TRUE(refuses(with_pairs(R"({"key":"","mod_revision":"1"})"), "a pair without key"));
  EXPECT_TRUE(refuses(with_pairs(R"({"key":"YQ","mod_revision":"1"})"), "key: not base64"));
  EXPECT_TRUE(refuses(with_pairs(R"({"key":"YQ==","value":7,"mod_revision":"1"})"), "value: no text"));
  EXPECT_TRUE(refuses(with_pairs(R"({"key":"YQ=="})"), "mod_revision is missing"));
  EXPECT_TRUE(refuses(with_pairs(R"({"key":"YQ==","mod_revision":"10"})"), "newer than the store"));
  const std::string a = R"({"key":"YQ==","mod_revision":"1"})";
  const std::string b = R"({"key":"Yg==","mod_revision":"1"})";
  const std::string c = R"({"key":"Yw==","mod_revision":"1"})";
  EXPECT_TRUE(refuses(with_pairs(a + "," + a), "do not ascend"));
  EXPECT_TRUE(refuses(with_pairs(b + "," + a), "do not ascend"));
  EXPECT_TRUE(refuses(with_pairs(a + "," + b + "," + c), "3 pairs where 2 were asked for"));
}

TEST(EtcdAnswer, TellsWhetherATransactionWasDone) {
  EXPECT_TRUE(parse_etcd_transaction(kWritten).value());
  EXPECT_FALSE(parse_etcd_transaction(kNothing).value());
  EXPECT_TRUE(fails(parse_etcd_transaction(R"({"header":{"revision":"3"},"succeeded":"true"})"),
                    ErrorKind::kRetry, "succeeded is neither"));
  EXPECT_TRUE(fails(parse_etcd_transaction(R"({"succeeded":true})"), ErrorKind::kRetry, "no header"));
}

TEST(EtcdAnswer, TellsWhichRangesHaveAnything) {
  EXPECT_EQ(parse_etcd_presence(kPresence, 2).value(), (std::vector<bool>{false, true}));
  EXPECT_TRUE(fails(parse_etcd_presence(kPresence, 3), ErrorKind::kRetry, "not so many responses"));
  EXPECT_TRUE(fails(parse_etcd_presence(kWritten, 1), ErrorKind::kRetry, "no range's"));
}

TEST(EtcdAnswer, TellsWhatAWatchSays) {
  const auto told = [](const char* line) { return parse_etcd_watch_message(line).value(); };
  EXPECT_EQ(told(kCreated).newest_change, 0);
  EXPECT_EQ(told(kCreated).told_up_to, 0) << "older changes may follow";
  EXPECT_EQ(told(kChange).newest_change, 4);
  EXPECT_EQ(told(kChange).told_up_to, 0);
  EXPECT_EQ(told(kProgress).told_up_to, 9);
  EXPECT_TRUE(told(kCompacted).is_cancelled);
  EXPECT_EQ(told(kCompacted).compacted_up_to, 3);
  EXPECT_TRUE(told(kBadToken).is_cancelled);
  EXPECT_EQ(told(kBadToken).compacted_up_to, 0);
  EXPECT_NE(told(kBadToken).reason.find("invalid auth token"), std::string::npos);
}

TEST(EtcdAnswer, RefusesWhatNoWatchSays) {
  const auto refuses = [](const std::string& line, const char* reason) {
    return fails(parse_etcd_watch_message(line), ErrorKind::kRetry, reason);
  };
  EXPECT_TRUE(refuses("", "is no answer of etcd"));
  EXPECT_TRUE(refuses(R"({"error":{"grpc_code":14,"message":"transport is closing"}})", "no result but"));
  EXPECT_TRUE(refuses(R"({"result":{}})", "no header"));
  EXPECT_TRUE(refuses(R"({"result":{"events":[1]}})", "an event of nothing"));
  EXPECT_TRUE(refuses(R"({"result":{"events":[{"kv":{"mod_revision":"-1"}}]}})", "no whole number"));
  EXPECT_TRUE(refuses(R"({"result":{"canceled":1}})", "canceled is neither"));
}

TEST(EtcdAnswer, TellsWhyItWasRefused) {
  const EtcdRefusal denied = parse_etcd_refusal(kDenied);
  EXPECT_EQ(denied.code, 7);
  EXPECT_EQ(denied.message, "etcdserver: permission denied");
  const EtcdRefusal page = parse_etcd_refusal("<html>\r\n\x1b[2Jx\xc2\x9by</html>");
  EXPECT_EQ(page.code, 0);
  EXPECT_EQ(page.message, "<html>   [2Jx  y</html>");
  EXPECT_EQ(parse_etcd_refusal("").message, "");
  EXPECT_LE(parse_etcd_refusal(std::string(5000, '\xff')).message.size(), 300u);
}

TEST(EtcdAnswer, GivesTokensThatAHeaderCanCarry) {
  EXPECT_EQ(parse_etcd_token(kToken).value(), "syiPdYQfQMUewToK.21");
  for (const std::string token : {"", "a b", "a\\r\\nX: y", "a\\u00e9"})
    EXPECT_TRUE(fails(parse_etcd_token(R"({"token":")" + token + "\"}"), ErrorKind::kRetry, "no token"))
        << token;
  EXPECT_FALSE(parse_etcd_token(R"({"token":")" + std::string(5000, 'x') + "\"}"));
  EXPECT_FALSE(parse_etcd_token("{}"));
}

TEST(EtcdAnswer, ListsTheNamesOfUsersAndRoles) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(parse_etcd_names(R"({"header":{},"users":["root","a-7"]})", "users"), (Names{"root", "a-7"}));
  EXPECT_EQ(parse_etcd_names(R"({"header":{}})", "roles"), Names());
  EXPECT_TRUE(fails(parse_etcd_names(R"({"users":[1]})", "users"), ErrorKind::kRetry, "users: an entry"));
  EXPECT_TRUE(fails(parse_etcd_names(R"({"users":"root"})", "users"), ErrorKind::kRetry, "is no list"));
  EXPECT_FALSE(parse_etcd_names("[]", "users"));
}

TEST(EtcdAnswer, KnowsWhenATokenSaysThatItEnds) {
  EXPECT_EQ(end_of_etcd_token(web_token(R"({"username":"u","revision":3,"exp":1795937737})")), 1795937737000);
  EXPECT_EQ(end_of_etcd_token("syiPdYQfQMUewToK.21"), std::nullopt);
  for (const char* claims :
       {"", "{}", "[]", R"({"exp":"1"})", R"({"exp":-1})", R"({"exp":9223372036854775807})"})
    EXPECT_EQ(end_of_etcd_token(web_token(claims)), std::nullopt) << claims;
  EXPECT_EQ(end_of_etcd_token("a.!.b"), std::nullopt);
}

TEST(EtcdAnswer, HasSeedsForTheFuzzer) {
  std::vector<std::pair<std::string, Bytes>> seeds;
  for (const std::string& text :
       {std::string(kTwoPairs), std::string(kNothing), std::string(kWritten), std::string(kPresence),
        std::string(kChange), std::string(kCompacted), std::string(kBadToken), std::string(kDenied),
        std::string(kToken), web_token(R"({"exp":1795937737})")}) {
    seeds.emplace_back(std::to_string(seeds.size()), Bytes(text.begin(), text.end()));
  }
  expect_fuzz_corpus("etcd_answer_fuzz", seeds);
}

}  // namespace
}  // namespace templar::testing
