// What a watch does with servers that end, break off or say nothing. That it tells of changes is shown at a
// real cluster, too: tests/integration/etcd_test.sh.
#include "adapters/etcd_ledger/etcd_watch.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/json/json.h"
#include "support/http_server.h"

namespace templar::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

std::string change_at(int64_t revision) {
  return R"({"result":{"header":{"revision":"99"},"events":[{"kv":{"key":"eA==","mod_revision":")" +
         std::to_string(revision) + "\"}}]}}\n";
}

// A cluster at some revision, whose streams say what a test wants.
class WatchedServer {
 public:
  using Stream =
      std::function<bool(int stream, int64_t from, httplib::DataSink& sink)>;  // false: it breaks off
  explicit WatchedServer(Stream stream) : stream_(std::move(stream)) {}
  ~WatchedServer() { is_over_ = true; }

  [[nodiscard]] EtcdWatch watch(milliseconds silence = minutes(10)) const {
    return {
        {.endpoints = {server_.url()}, .user = {}, .password = {}},
        "run/",
        {.silence = silence, .retry = {.first_pause = milliseconds(1), .longest_pause = milliseconds(5)}}};
  }
  // Says nothing until the test ends.
  bool stay_silent() const {
    while (!is_over_) std::this_thread::yield();
    return false;
  }
  [[nodiscard]] int streams() const { return streams_; }
  std::atomic<int64_t> revision = 10;

 private:
  void answer(const httplib::Request& request, httplib::Response& response) {
    if (request.path == "/v3/kv/range") {
      response.body = R"({"header":{"revision":")" + std::to_string(revision) + "\"}}";
      return;
    }
    const Json json = parse_json(request.body).value();
    const int64_t from = std::stoll(*json.at("create_request").at("start_revision").text());
    response.set_chunked_content_provider(
        "application/json", [this, from, number = streams_++](size_t, httplib::DataSink& sink) {
          const std::string created = R"({"result":{"header":{"revision":"1"},"created":true}})"
                                      "\n";
          return sink.write(created.data(), created.size()) && stream_(number, from, sink);
        });
  }

  Stream stream_;
  std::atomic<bool> is_over_ = false;
  std::atomic<int> streams_ = 0;
  HttpServer server_{[this](int, const httplib::Request& request, httplib::Response& response) {
    answer(request, response);
  }};
};

bool say(httplib::DataSink& sink, const std::string& text) {
  return sink.write(text.data(), text.size());
}

TEST(EtcdWatch, TellsOfChangesThatAStreamNames) {
  WatchedServer* self = nullptr;
  WatchedServer server([&](int, int64_t from, httplib::DataSink& sink) {
    EXPECT_EQ(from, 11);
    const std::string line = change_at(12);
    return say(sink, line.substr(0, 20)) && say(sink, line.substr(20)) && self->stay_silent();
  });
  self = &server;
  EtcdWatch watch = server.watch();
  EXPECT_TRUE(watch.wait(9, minutes(1))) << "what was written before it began is not known";
  EXPECT_TRUE(watch.wait(11, minutes(1)));
  EXPECT_FALSE(watch.wait(12, milliseconds(20)));
  EXPECT_EQ(server.streams(), 1);
}

TEST(EtcdWatch, GoesOnWhereAStreamBrokeOff) {
  WatchedServer* self = nullptr;
  WatchedServer server([&](int stream, int64_t from, httplib::DataSink& sink) {
    if (stream == 0) return say(sink, change_at(15)) && say(sink, "{\"resu") && false;
    EXPECT_EQ(from, 16);
    return say(sink, change_at(20)) && self->stay_silent();
  });
  self = &server;
  EtcdWatch watch = server.watch();
  EXPECT_TRUE(watch.wait(14, minutes(1)));
  EXPECT_TRUE(watch.wait(19, minutes(1)));
}

TEST(EtcdWatch, OpensAStreamAnewThatHasFallenSilent) {
  WatchedServer* self = nullptr;
  WatchedServer server([&](int stream, int64_t from, httplib::DataSink& sink) {
    if (stream == 0) return self->stay_silent();
    EXPECT_EQ(from, 11);
    return say(sink, change_at(13)) && self->stay_silent();
  });
  self = &server;
  EtcdWatch watch = server.watch(milliseconds(50));
  EXPECT_TRUE(watch.wait(12, minutes(1)));
}

TEST(EtcdWatch, TellsThatItMissedSomethingWhereThatWasCompacted) {
  WatchedServer* self = nullptr;
  WatchedServer server([&](int stream, int64_t from, httplib::DataSink& sink) {
    if (stream == 0) {
      self->revision = 40;
      return say(sink, R"({"result":{"header":{},"canceled":true,"compact_revision":"30"}})"
                       "\n") &&
             self->stay_silent();
    }
    EXPECT_EQ(from, 41);
    return say(sink, change_at(42)) && self->stay_silent();
  });
  self = &server;
  EtcdWatch watch = server.watch();
  EXPECT_TRUE(watch.wait(39, minutes(1)));
  EXPECT_TRUE(watch.wait(41, minutes(1)));
}

TEST(EtcdWatch, AsksForTheRevisionWhereNoStreamCanBeHad) {
  WatchedServer server([&](int, int64_t, httplib::DataSink& sink) { return say(sink, "<html>\n"); });
  EtcdWatch watch = server.watch();
  EXPECT_FALSE(watch.wait(10, milliseconds(20)));
  server.revision = 11;
  EXPECT_TRUE(watch.wait(10, minutes(1)));
}

TEST(EtcdWatch, EndsAtOnceWhateverItsStreamDoes) {
  WatchedServer* self = nullptr;
  WatchedServer server([&](int, int64_t, httplib::DataSink&) { return self->stay_silent(); });
  self = &server;
  EtcdWatch watch = server.watch();
  EXPECT_FALSE(watch.wait(10, milliseconds(50)));
}

TEST(EtcdWatch, NeedsNoServerToEnd) {
  EtcdWatch watch({.endpoints = {"http://127.0.0.1:1"}, .user = {}, .password = {}}, "run/", {});
  EXPECT_FALSE(watch.wait(0, milliseconds(50)));
}

}  // namespace
}  // namespace templar::testing
