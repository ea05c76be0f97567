// What a board does with servers that fail, lie or refuse. That it is a board is shown at a real cluster:
// tests/integration/etcd_test.sh.
#include "adapters/etcd_ledger/etcd_notice_board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "base/base64.h"
#include "base/json/json.h"
#include "support/expect_failure.h"
#include "support/http_server.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

constexpr const char* kEmptyRange = R"({"header":{"revision":"5"}})";
constexpr const char* kNoLeader =
    R"({"error":"etcdserver: no leader","message":"etcdserver: no leader","code":14})";

HttpAnswer good(const std::string& body) {
  return {.status = 200, .body = body, .headers = {}};
}
HttpAnswer refusal(int status, int code, const std::string& message) {
  return {.status = status,
          .body = to_text(JsonObject{{"error", message}, {"message", message}, {"code", code}}),
          .headers = {}};
}
std::string pair_json(const std::string& key, size_t size, int revision) {
  return to_text(JsonObject{{"key", to_base64(as_bytes(key))},
                            {"mod_revision", std::to_string(revision)},
                            {"value", to_base64(Bytes(size, 'x'))}});
}
std::string range_json(const std::string& pairs, bool more) {
  return R"({"header":{"revision":"5"},"kvs":[)" + pairs + R"(],"more":)" + (more ? "true}" : "false}");
}
std::string field(const httplib::Request& request, const char* name) {
  const Json json = parse_json(request.body).value();
  const Json* member = json.find(name);
  return member == nullptr ? "" : *member->text();
}
std::string key_of(const httplib::Request& request) {
  return std::string(as_text(from_base64(field(request, "key")).value()));
}

EtcdBoardOptions board_at(const std::vector<std::string>& endpoints) {
  EtcdBoardOptions options{
      .prefix = "run/", .client = {.endpoints = endpoints, .user = {}, .password = {}}, .watch = {}};
  options.client.retry = {.most_retries = 1};
  return options;
}
EtcdBoardOptions board_of_user(const std::vector<std::string>& endpoints) {
  EtcdBoardOptions options = board_at(endpoints);
  options.client.user = "miner";
  options.client.password = [] { return "hidden-password"; };
  return options;
}
std::string endpoint_of(const HttpServer& server) {
  return server.url();
}
// Where nobody listens.
constexpr const char* kNobody = "http://127.0.0.1:1";

TEST(EtcdNoticeBoard, AsksTheNextServerWhereOneFailsAndStaysThere) {
  const HttpServer down(
      [](const httplib::Request&) { return HttpAnswer{.status = 503, .body = kNoLeader, .headers = {}}; });
  const HttpServer up([](const httplib::Request&) { return good(kEmptyRange); });
  const EtcdNoticeBoard board(board_at({kNobody, endpoint_of(down), endpoint_of(up)}));
  EXPECT_EQ(board.revision().value(), 5);
  EXPECT_EQ(board.read("a").value(), std::nullopt);
  EXPECT_EQ(down.requests().size(), 1u);
  EXPECT_EQ(up.requests().size(), 2u);
}

TEST(EtcdNoticeBoard, AsksAgainWhereNoServerAnswersAndThenGivesUp) {
  const HttpServer server(
      [](const httplib::Request&) { return HttpAnswer{.status = 503, .body = kNoLeader, .headers = {}}; });
  const EtcdNoticeBoard board(board_at({endpoint_of(server), kNobody}));
  EXPECT_TRUE(fails(board.read("a"), ErrorKind::kRetry, "ledger: read of run/a: "));
  EXPECT_EQ(server.requests().size(), 2u);
}

TEST(EtcdNoticeBoard, WritesOnceAndSaysThatItMayHaveBeenWritten) {
  const HttpServer server(
      [](const httplib::Request&) { return HttpAnswer{.status = 503, .body = kNoLeader, .headers = {}}; });
  EtcdNoticeBoard board(board_at({endpoint_of(server)}));
  EXPECT_TRUE(fails(board.write("a", as_bytes("x"), {}), ErrorKind::kRetry, "no leader or no majority now"));
  EXPECT_EQ(server.requests().size(), 1u);
  // The answer breaks off: whether it was done nobody knows.
  const HttpServer breaking([](int, const httplib::Request&, httplib::Response& response) {
    response.set_content_provider(100, "application/json", [](size_t, size_t, httplib::DataSink& sink) {
      sink.write("{\"hea", 5);
      return false;
    });
  });
  EtcdNoticeBoard cut(board_at({endpoint_of(breaking), endpoint_of(server)}));
  EXPECT_TRUE(fails(cut.write("a", as_bytes("x"), {}), ErrorKind::kRetry, "ledger: write of run/a: "));
  EXPECT_EQ(breaking.requests().size(), 1u);
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST(EtcdNoticeBoard, ComparesTheRevisionsOfAllConditions) {
  const HttpServer server(
      [](const httplib::Request&) { return good(R"({"header":{"revision":"6"},"succeeded":true})"); });
  EtcdNoticeBoard board(board_at({endpoint_of(server)}));
  EXPECT_TRUE(board.write("a/1", as_bytes("x"), std::vector<NoticeCondition>{{"a/1", 0}, {"b", 7}}).value());
  const Json json = parse_json(server.requests().at(0).body).value();
  EXPECT_EQ(to_text(json),
            R"({"compare":[{"key":"cnVuL2EvMQ==","target":"MOD","result":"EQUAL","mod_revision":"0"},)"
            R"({"key":"cnVuL2I=","target":"MOD","result":"EQUAL","mod_revision":"7"}],)"
            R"("success":[{"request_put":{"key":"cnVuL2EvMQ==","value":"eA=="}}]})");
}

TEST(EtcdNoticeBoard, RefusesAnswersThatAreNone) {
  std::string answer;
  const HttpServer server([&](const httplib::Request&) { return good(answer); });
  EtcdNoticeBoard board(board_at({endpoint_of(server)}));
  for (const char* garbage : {"", "<html>", "{}", "[1]", R"({"header":{"revision":"5"},"kvs":[{}]})"}) {
    answer = garbage;
    EXPECT_TRUE(fails(board.read("a"), ErrorKind::kRetry, "no answer of etcd")) << garbage;
    EXPECT_TRUE(fails(board.list("a"), ErrorKind::kRetry, "no answer of etcd")) << garbage;
    EXPECT_TRUE(fails(board.last("a"), ErrorKind::kRetry, "no answer of etcd")) << garbage;
    EXPECT_TRUE(fails(board.revision(), ErrorKind::kRetry, "no answer of etcd")) << garbage;
  }
  answer = "{}";
  EXPECT_TRUE(fails(board.write("a", {}, {}), ErrorKind::kRetry, "no answer of etcd"));
  answer = range_json(pair_json("run/other", 1, 1), false);
  EXPECT_TRUE(fails(board.read("a"), ErrorKind::kRetry, "another key came"));
  EXPECT_TRUE(fails(board.list("a/"), ErrorKind::kRetry, "a key came that is not in it"));
}

TEST(EtcdNoticeBoard, ReadsNoAnswerWithoutEnd) {
  const HttpServer server([](int, const httplib::Request&, httplib::Response& response) {
    response.set_chunked_content_provider("application/json", [](size_t, httplib::DataSink& sink) {
      static const std::string piece(64 << 10, ' ');
      return sink.write(piece.data(), piece.size());
    });
  });
  const EtcdNoticeBoard board(board_at({endpoint_of(server)}));
  EXPECT_TRUE(fails(board.list("a/"), ErrorKind::kRetry, "what lies behind run/a/ is too large to read"));
  EXPECT_TRUE(fails(board.read("a"), ErrorKind::kRetry, "too large to read"));
  EXPECT_EQ(server.requests().size(), 7u) << "in ever smaller pages";
}

TEST(EtcdNoticeBoard, ListsPagesOfOneRevision) {
  const HttpServer server([](int number, const httplib::Request&, httplib::Response& response) {
    response.body = number == 0
                        ? range_json(pair_json("run/a/1", 1, 1) + "," + pair_json("run/a/2", 1, 2), true)
                        : range_json(pair_json("run/a/3", 1, 3), false);
  });
  const EtcdNoticeBoard board(board_at({endpoint_of(server)}));
  const std::vector<Notice> notices = board.list("a/").value();
  ASSERT_EQ(notices.size(), 3u);
  EXPECT_EQ(notices[2].key, "a/3");
  const auto requests = server.requests();
  EXPECT_EQ(field(requests[0], "revision"), "");
  EXPECT_EQ(field(requests[1], "revision"), "5");
  EXPECT_EQ(key_of(requests[1]), std::string("run/a/2\0", 8));
}

TEST(EtcdNoticeBoard, ListsAgainWhereTheRevisionWasCompactedMeanwhile) {
  std::atomic<int> compactions = 1;
  const HttpServer server([&](const httplib::Request& request) {
    if (field(request, "revision").empty()) return good(range_json(pair_json("run/a/1", 1, 1), true));
    if (compactions-- > 0) return refusal(400, 11, "etcdserver: mvcc: required revision has been compacted");
    return good(range_json(pair_json("run/a/2", 1, 2), false));
  });
  const EtcdNoticeBoard board(board_at({endpoint_of(server)}));
  EXPECT_EQ(board.list("a/").value().size(), 2u);
  compactions = 100;
  EXPECT_TRUE(fails(board.list("a/"), ErrorKind::kRetry, "compacted again and again"));
}

TEST(EtcdNoticeBoard, PassesOverWhatNoBoardCanHave) {
  const HttpServer server([](const httplib::Request&) {
    return good(range_json(pair_json("run/a/1", 3, 1) + "," + pair_json("run/a/2", kMaxNoticeBytes + 1, 2) +
                               "," + pair_json("run/a/~", 1, 3),
                           false));
  });
  const EtcdNoticeBoard board(board_at({endpoint_of(server)}));
  const std::vector<Notice> notices = board.list("a/").value();
  ASSERT_EQ(notices.size(), 2u);
  EXPECT_EQ(notices[0].content.size(), 3u);
  EXPECT_EQ(notices[1].content.size(), 0u) << "who writes over it needs its revision";
  EXPECT_EQ(notices[1].revision, 2);
}

// A cluster with one user.
class EtcdUsers : public ::testing::Test {
 protected:
  HttpAnswer answer(const httplib::Request& request) {
    if (request.path == "/v3/auth/authenticate") {
      if (!has_users) return refusal(412, 9, "etcdserver: authentication is not enabled");
      if (field(request, "password") != "hidden-password" || field(request, "name") != "miner")
        return refusal(400, 3, "etcdserver: authentication failed, invalid user ID or password");
      ++tokens;
      return good(R"({"header":{"revision":"5"},"token":")" + token() + "\"}");
    }
    const std::string given = request.get_header_value("Authorization");
    if (!has_users)
      return given.empty() ? good(kEmptyRange) : refusal(401, 16, "etcdserver: invalid auth token");
    if (given.empty()) return refusal(400, 3, "etcdserver: user name is empty");
    if (given != token()) return refusal(401, 16, "etcdserver: invalid auth token");
    return is_allowed ? good(kEmptyRange) : refusal(403, 7, "etcdserver: permission denied");
  }
  [[nodiscard]] std::string token() const {
    if (!token_ends_at_s) return "token." + std::to_string(tokens);
    const std::string claims =
        R"({"n":)" + std::to_string(tokens) + R"(,"exp":)" + std::to_string(token_ends_at_s) + "}";
    return "e30." + to_base64(as_bytes(claims), Base64Form::kUrl) + ".c2ln";
  }

  std::atomic<bool> has_users = true;
  std::atomic<bool> is_allowed = true;
  std::atomic<int> tokens = 0;
  std::atomic<int64_t> token_ends_at_s = 0;
  HttpServer server{[this](const httplib::Request& request) { return answer(request); }};
};

TEST_F(EtcdUsers, FetchATokenOnceAndAgainWhenItIsTakenNoMore) {
  EtcdNoticeBoard board(board_of_user({endpoint_of(server)}));
  ASSERT_TRUE(board.revision());
  ASSERT_TRUE(board.revision());
  EXPECT_EQ(tokens, 1);
  ++tokens;  // the server has forgotten the token
  ASSERT_TRUE(board.revision());
  EXPECT_EQ(tokens, 3);
  ++tokens;
  ASSERT_FALSE(board.write("a", {}, {}).value()) << "a write without a token was not done: it is sent again";
  EXPECT_EQ(tokens, 5);
}

TEST_F(EtcdUsers, GetAnotherTokenBeforeItEnds) {
  const auto clock = std::make_shared<VirtualClock>(1'000'000);
  EtcdBoardOptions options = board_of_user({endpoint_of(server)});
  options.client.clock = clock;
  const EtcdNoticeBoard board(options);
  token_ends_at_s = 1300;
  ASSERT_TRUE(board.revision());
  clock->advance(239'000);
  ASSERT_TRUE(board.revision());
  EXPECT_EQ(tokens, 1);
  clock->advance(1000);
  ASSERT_TRUE(board.revision());
  EXPECT_EQ(tokens, 2);
  clock->set(2'000'000);  // it has ended by a clock that is wrong
  ASSERT_TRUE(board.revision());
  ASSERT_TRUE(board.revision());
  EXPECT_EQ(tokens, 3);
}

TEST_F(EtcdUsers, AreToldWhatIsWrong) {
  const auto is_fatal = [&](const EtcdBoardOptions& options, const char* words) {
    const auto answer = EtcdNoticeBoard(options).read("a");
    if (!answer && answer.error().message.find("hidden") != std::string::npos)
      return ::testing::AssertionFailure() << "tells the password";
    return fails(answer, ErrorKind::kFatal, words);
  };
  EtcdBoardOptions options = board_of_user({endpoint_of(server)});
  options.client.password = [] { return "hidden-other"; };
  EXPECT_TRUE(is_fatal(options, "there is no user miner, or its password is another one"));
  options.client.password = []() -> Result<std::string> { return fatal_error("no password is given"); };
  EXPECT_TRUE(is_fatal(options, "no password is given"));
  EXPECT_TRUE(is_fatal(board_at({endpoint_of(server)}), "write user=NAME into the address"));
  is_allowed = false;
  EXPECT_TRUE(is_fatal(board_of_user({endpoint_of(server)}), "read of run/a: "));
  EXPECT_TRUE(is_fatal(board_of_user({endpoint_of(server)}), "the user miner may not do this"));
}

TEST_F(EtcdUsers, AreNotAskedForWhereTheClusterHasNone) {
  has_users = false;
  const EtcdNoticeBoard board(board_of_user({endpoint_of(server)}));
  EXPECT_TRUE(board.revision());
  has_users = true;
  EXPECT_TRUE(board.revision()) << "it has some from now on";
  has_users = false;
  EXPECT_TRUE(board.revision());
}

TEST(EtcdNoticeBoard, SaysWhatToDoAboutWrongServers) {
  const auto is_fatal = [](const HttpAnswer& answer, const char* words) {
    const HttpServer server([&](const httplib::Request&) { return answer; });
    return fails(EtcdNoticeBoard(board_at({endpoint_of(server)})).revision(), ErrorKind::kFatal, words);
  };
  EXPECT_TRUE(
      is_fatal({.status = 404, .body = "Not Found", .headers = {}}, "is it the client address of an etcd"));
  EXPECT_TRUE(is_fatal({.status = 301, .body = "", .headers = {}}, "is it the client address of an etcd"));
  EXPECT_TRUE(
      is_fatal({.status = 400, .body = "Client sent an HTTP request to an HTTPS server.\n", .headers = {}},
               "write https:// into the address"));
  const HttpServer full(
      [](const httplib::Request&) { return refusal(429, 8, "etcdserver: mvcc: database space exceeded"); });
  EXPECT_TRUE(fails(EtcdNoticeBoard(board_at({endpoint_of(full)})).write("a", {}, {}), ErrorKind::kRetry,
                    "compact and defragment it"));
  EXPECT_TRUE(
      fails(EtcdNoticeBoard(board_at({kNobody})).revision(), ErrorKind::kRetry, "does etcd run there"));
}

TEST(EtcdNoticeBoard, TrustsTheCertificatesThatItIsTold) {
  const TemporaryFolder folder;
  const TestCertificate certificate;
  const HttpServer server(certificate, 404);
  const std::string endpoint = "https://127.0.0.1:" + std::to_string(server.port());
  EtcdBoardOptions options = board_at({endpoint});
  EXPECT_TRUE(fails(EtcdNoticeBoard(options).revision(), ErrorKind::kFatal, "ca-file=FILE"));
  options.client.endpoints = {endpoint, kNobody};
  EXPECT_TRUE(fails(EtcdNoticeBoard(options).revision(), ErrorKind::kRetry, ""))
      << "another server may be well";
  options.client.endpoints = {endpoint};
  options.client.transfers.ca_file = folder / "ca.pem";
  certificate.save(options.client.transfers.ca_file);
  EXPECT_TRUE(fails(EtcdNoticeBoard(options).revision(), ErrorKind::kFatal, "HTTP 404"));
}

}  // namespace
}  // namespace templar::testing
