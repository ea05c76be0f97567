#include "adapters/loki/loki_pusher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <numeric>
#include <optional>

#include "base/log/log.h"
#include "base/log/log_context.h"
#include "base/log/log_format.h"
#include "base/log/secrets.h"
#include "base/threads/mutex.h"
#include "support/captured_logs.h"
#include "support/expect_failure.h"
#include "support/http_server.h"
#include "support/json_values.h"

namespace templar::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kLong = seconds(60);

LokiOptions options_for(const std::string& url) {
  return {.url = url,
          .labels = {{"run", "test"}},
          .interval = milliseconds(1),
          .first_pause = milliseconds(1),
          .longest_pause = milliseconds(2)};
}

LogEvent numbered(int number, TimestampMs time_ms = 1000) {
  return {LogLevel::kInfo, "miner", "fact", {{"number", number}}, time_ms};
}

// A server that takes what Loki's API description allows and answers 204, after what `first` answers (0: take
// it).
class LokiServer {
 public:
  explicit LokiServer(
      std::function<int(int)> first = [](int) { return 0; }, int port = 0)
      : server_(
            [this, first](int number, const httplib::Request& request, httplib::Response& response) {
              response.status = first(number);
              if (response.status == 0) take(request, response);
            },
            port) {}

  HttpServer& http() { return server_; }
  // The numbers of the events taken, in order.
  [[nodiscard]] std::vector<int> taken() const {
    const MutexLock lock(mutex_);
    return taken_;
  }

 private:
  void take(const httplib::Request& request, httplib::Response& response) {
    const Json body = parse_json(request.body).value_or(Json());
    const std::string fault = fault_of(request, body);
    response.status = fault.empty() ? 204 : 400;
    if (fault.empty()) return;
    response.set_content(fault, "text/plain");
    ADD_FAILURE() << fault << "\n" << request.body;
  }

  std::string fault_of(const httplib::Request& request, const Json& body) {
    if (request.path != "/loki/api/v1/push") return "no such path: " + request.path;
    if (request.get_header_value("Content-Type") != "application/json") return "the content type is not JSON";
    const Json* streams = body.find("streams");
    if (streams == nullptr || streams->list() == nullptr || streams->size() == 0)
      return "there are no streams";
    const MutexLock lock(mutex_);
    for (const Json& stream : *streams->list()) {
      const JsonObject* labels = stream.at("stream").object();
      if (labels == nullptr || labels->empty()) return "a stream needs a label";
      for (const JsonMember& label : *labels) {
        if (label.value.text() == nullptr) return "a label is no text";
      }
      for (const Json& entry : *stream.at("values").list()) {
        if (entry.size() != 2 || entry.at(0).text() == nullptr || entry.at(1).text() == nullptr)
          return "an entry is two texts";
        const int64_t time_ns = std::stoll(*entry.at(0).text());
        int64_t& newest = newest_ns_[to_text(stream.at("stream"))];
        if (time_ns <= newest) return "entry out of order";
        newest = time_ns;
        const Json line = testing::parsed_json(*entry.at(1).text());
        const Json* number = line.at("fields").find("number");
        if (number != nullptr) taken_.push_back(testing::as<int>(*number));
      }
    }
    return "";
  }

  mutable Mutex mutex_;
  std::vector<int> taken_ GUARDED_BY(mutex_);
  std::map<std::string, int64_t> newest_ns_ GUARDED_BY(mutex_);
  HttpServer server_;
};

std::vector<int> from_to(int first, int end) {
  std::vector<int> numbers(static_cast<size_t>(end - first));
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

TEST(LokiPusher, PushesLinesOfJsonWithLabels) {
  LokiServer server;
  LokiOptions options = options_for(server.http().url());
  options.interval = std::chrono::hours(1);  // both in one request
  const auto loki = LokiPusher::open(options).value();
  loki->sink()(
      {LogLevel::kWarning, "gather", "peer rejected", {{"uid", 3}, {"window", 12}, {"role", "miner"}}, 1500});
  loki->sink()({LogLevel::kInfo, "network", "hello", {}, 1400});
  ASSERT_TRUE(loki->flush(kLong));
  const httplib::Request request = server.http().requests().at(0);
  EXPECT_EQ(request.get_header_value("Content-Encoding"), "gzip");
  const auto line = [](const std::string& text) { return to_text(text); };
  const std::string first = json_log_line({LogLevel::kInfo, "network", "hello", {}, 1400});
  const std::string second =
      R"({"time":"1970-01-01T00:00:01.500Z","level":"warning","room":"gather","message":"peer rejected",)"
      R"("fields":{"uid":3,"window":12,"role":"miner"}})";
  EXPECT_EQ(
      request.body,
      R"({"streams":[{"stream":{"level":"info","room":"network","run":"test"},"values":[["1500000001",)" +
          line(first) +
          R"(]]},{"stream":{"level":"warning","role":"miner","room":"gather","run":"test","uid":"3"},)" +
          R"("values":[["1500000000",)" + line(second) + "]]}]}");
  EXPECT_EQ(loki->counts(), (LokiCounts{.pushed = 2}));
}

TEST(LokiPusher, IsASinkOfTheLogWithItsContexts) {
  LokiServer server;
  const auto loki = LokiPusher::open(options_for(server.http().url())).value();
  const LogSink before = set_log_sink(loki->sink());
  {
    const LogContext scope({{"uid", 5}, {"role", "validator"}});
    log(LogLevel::kInfo, "validator", "in sync", {{"number", 1}});
  }
  set_log_sink(before);
  ASSERT_TRUE(loki->flush(kLong));
  const auto stream =
      testing::parsed_json(server.http().requests().at(0).body).at("streams").at(0).at("stream");
  EXPECT_EQ(stream.at("uid"), "5");
  EXPECT_EQ(stream.at("role"), "validator");
}

TEST(LokiPusher, SendsAtMostABatchAtOnceAndAllInOrder) {
  LokiServer server;
  LokiOptions options = options_for(server.http().url());
  options.batch = 30;
  const auto loki = LokiPusher::open(options).value();
  for (int i = 0; i < 100; ++i) loki->sink()(numbered(i));
  ASSERT_TRUE(loki->flush(kLong));
  EXPECT_EQ(server.taken(), from_to(0, 100));
  for (const auto& request : server.http().requests()) {
    EXPECT_LE(testing::parsed_json(request.body).at("streams").at(0).at("values").size(), 30u);
  }
}

TEST(LokiPusher, SignsIn) {
  LokiServer server;
  LokiOptions options = options_for(server.http().url("/"));
  options.token = "loki-test-token";
  options.tenant = "us";
  const auto loki = LokiPusher::open(options).value();
  loki->sink()(numbered(0));
  ASSERT_TRUE(loki->flush(kLong));
  EXPECT_EQ(server.http().requests().at(0).get_header_value("Authorization"), "Bearer loki-test-token");
  EXPECT_EQ(server.http().requests().at(0).get_header_value("X-Scope-OrgID"), "us");
  EXPECT_EQ(redact("loki-test-token"), "<secret>");
}

class LokiPusherFailures : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(OfStatus, LokiPusherFailures, ::testing::Values(429, 500, 503, 401, 403, 404, 302));

TEST_P(LokiPusherFailures, AreTriedAgainAndLoseNothing) {
  const CapturedLogs logs;
  LokiServer server([](int number) { return number < 3 ? GetParam() : 0; });
  const auto loki = LokiPusher::open(options_for(server.http().url())).value();
  for (int i = 0; i < 50; ++i) loki->sink()(numbered(i));
  ASSERT_TRUE(loki->flush(kLong));
  EXPECT_EQ(server.taken(), from_to(0, 50));
  EXPECT_EQ(loki->counts(), (LokiCounts{.pushed = 50}));
  EXPECT_EQ(logs.count("server takes no events: they wait"), 1u);
  EXPECT_THAT(logs.field("server takes no events: they wait", "reason"),
              ::testing::HasSubstr(std::to_string(GetParam())));
}

TEST(LokiPusher, WaitsForAServerThatIsAwayAndComesBack) {
  const CapturedLogs logs;
  auto server = std::make_unique<LokiServer>();
  const int port = server->http().port();
  const auto loki = LokiPusher::open(options_for(server->http().url())).value();
  server.reset();
  for (int i = 0; i < 20; ++i) loki->sink()(numbered(i));
  EXPECT_FALSE(loki->flush(milliseconds(20)));
  server = std::make_unique<LokiServer>([](int) { return 0; }, port);
  ASSERT_TRUE(loki->flush(kLong));
  EXPECT_EQ(server->taken(), from_to(0, 20));
}

TEST(LokiPusher, DropsTheOldestWhileItsQueueIsFullAndSaysSo) {
  const CapturedLogs logs;
  std::promise<void> let_in;
  CallCounter asked;
  LokiServer server([&, open = let_in.get_future().share()](int) {
    asked.count_call();
    open.wait_for(kLong);
    return 0;
  });
  LokiOptions options = options_for(server.http().url());
  options.max_queued = 10;
  options.batch = 10;
  const auto loki = LokiPusher::open(options).value();
  loki->sink()(numbered(-1));
  ASSERT_TRUE(asked.wait_for_calls(1));  // it has left the queue
  for (int i = 0; i < 100; ++i) loki->sink()(numbered(i));
  EXPECT_EQ(loki->counts().dropped, 90u);
  let_in.set_value();
  ASSERT_TRUE(loki->flush(kLong));
  std::vector<int> expected = from_to(90, 100);
  expected.insert(expected.begin(), -1);
  EXPECT_EQ(server.taken(), expected);
  EXPECT_EQ(logs.field("events were dropped: the queue was full", "dropped"), "90");
}

TEST(LokiPusher, CountsAndSaysWhatTheServerRefuses) {
  const CapturedLogs logs;
  LokiServer server([](int number) { return number < 2 ? 400 : 0; });
  LokiOptions options = options_for(server.http().url());
  options.batch = 10;
  options.interval = std::chrono::hours(1);
  const auto loki = LokiPusher::open(options).value();
  for (int i = 0; i < 30; ++i) loki->sink()(numbered(i));
  ASSERT_TRUE(loki->flush(kLong));
  EXPECT_EQ(loki->counts(), (LokiCounts{.pushed = 10, .rejected = 20}));
  EXPECT_EQ(server.taken(), from_to(20, 30));
  EXPECT_EQ(logs.count("server refuses events: they are lost"), 1u);
}

TEST(LokiPusher, SendsLessWhereARequestIsTooLarge) {
  HttpServer server([](int, const httplib::Request& request, httplib::Response& response) {
    response.status =
        testing::parsed_json(request.body).at("streams").at(0).at("values").size() > 3 ? 413 : 204;
  });
  LokiOptions options = options_for(server.url());
  options.interval = std::chrono::hours(1);
  const auto loki = LokiPusher::open(options).value();
  for (int i = 0; i < 20; ++i) loki->sink()(numbered(i));
  ASSERT_TRUE(loki->flush(kLong));
  EXPECT_EQ(loki->counts(), (LokiCounts{.pushed = 20}));
}

TEST(LokiPusher, DeliversWhatIsLeftAtItsEnd) {
  LokiServer server;
  LokiOptions options = options_for(server.http().url());
  options.interval = std::chrono::hours(1);
  options.batch = 7;
  LogSink kept;
  {
    const auto loki = LokiPusher::open(options).value();
    kept = loki->sink();
    for (int i = 0; i < 20; ++i) kept(numbered(i));
  }
  EXPECT_EQ(server.taken(), from_to(0, 20));
  kept(numbered(20));  // dropped, and nothing worse
}

TEST(LokiPusher, EndsAtItsDeadlineWithAServerThatHangs) {
  const CapturedLogs logs;
  std::promise<void> over;
  CallCounter asked;
  HttpServer server([&, end = over.get_future().share()](int, const httplib::Request&, httplib::Response&) {
    asked.count_call();
    end.wait_for(kLong);
  });
  LokiOptions options = options_for(server.url());
  options.request_timeout = std::chrono::hours(1);
  options.exit_deadline = milliseconds(20);
  {
    const auto loki = LokiPusher::open(options).value();
    loki->sink()(numbered(0));
    ASSERT_TRUE(asked.wait_for_calls(1));
    loki->sink()(numbered(1));
  }
  EXPECT_EQ(logs.field("events were dropped: the server took none at the end", "dropped"), "2");
  over.set_value();
}

// With the pusher as the log's own sink, what it says of its troubles goes through itself.
TEST(LokiPusher, EndsThoughItsOwnWordsAreRefused) {
  HttpServer server(400);
  {
    const auto loki = LokiPusher::open(options_for(server.url())).value();
    const LogSink before = set_log_sink(loki->sink());
    log(LogLevel::kInfo, "room", "fact");
    EXPECT_TRUE(loki->flush(kLong));
    set_log_sink(before);
  }
  EXPECT_LE(server.requests().size(), 3u);
}

TEST(LokiPusher, KeepsThreadsApart) {
  LokiServer server;
  const auto loki = LokiPusher::open(options_for(server.http().url())).value();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([sink = loki->sink(), t] {
      for (int i = 0; i < 250; ++i) sink(numbered(250 * t + i));
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(loki->flush(kLong));
  std::vector<int> taken = server.taken();
  std::ranges::sort(taken);
  EXPECT_EQ(taken, from_to(0, 1000));
}

TEST(LokiPusher, RefusesOptionsThatCannotBeUsed) {
  EXPECT_TRUE(fails(LokiPusher::open({.url = "loki:3100"}), ErrorKind::kFatal,
                    "Loki's address 'loki:3100' does not begin with http://"));
  EXPECT_TRUE(fails(LokiPusher::open({.url = "http://x", .labels = {{"a-b", "c"}}}), ErrorKind::kFatal,
                    "Loki label 'a-b'"));
  EXPECT_TRUE(
      fails(LokiPusher::open({.url = "http://x", .user = "a", .token = "b"}), ErrorKind::kFatal, "not both"));
  EXPECT_TRUE(
      fails(LokiPusher::open({.url = "http://x", .max_queued = 0}), ErrorKind::kFatal, "at least one event"));
}

}  // namespace
}  // namespace templar::testing
