#include "adapters/http/limited_http_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/clock.h"
#include "base/files/descriptor.h"
#include "support/expect_failure.h"

namespace templar::testing {
namespace {

using std::chrono::milliseconds;

class LimitedServer : public ::testing::Test {
 protected:
  void start(const HttpServerLimits& limits) {
    server_ = std::make_unique<LimitedHttpServer>(limits);
    server_->routes().Get("/", [](const httplib::Request&, httplib::Response& response) {
      response.set_content("here", "text/plain");
    });
    port_ = server_->start("127.0.0.1", 0).value();
  }
  [[nodiscard]] int ask(const httplib::Headers& headers = {}) const {
    httplib::Client client("127.0.0.1", port_);
    const auto answer = client.Get("/", headers);
    return answer ? answer->status : -1;
  }
  // A connection that says this and no more.
  [[nodiscard]] Descriptor say(std::string_view words) const {
    Descriptor client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in there{};
    there.sin_family = AF_INET;
    there.sin_port = htons(static_cast<uint16_t>(port_));
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&there), sizeof(there)), 0);
    EXPECT_EQ(::send(client.get(), words.data(), words.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(words.size()));
    return client;
  }
  // Whether the server closes the connection within that time.
  [[nodiscard]] static bool is_closed(const Descriptor& client, milliseconds within) {
    const Stopwatch watch;
    while (watch.seconds() * 1000 < static_cast<double>(within.count())) {
      pollfd asked{.fd = client.get(), .events = POLLIN, .revents = 0};
      if (::poll(&asked, 1, 50) <= 0) continue;
      char byte = 0;
      if (::recv(client.get(), &byte, 1, 0) <= 0) return true;
    }
    return false;
  }

  std::unique_ptr<LimitedHttpServer> server_;
  int port_ = 0;
};

TEST_F(LimitedServer, AnswersWhoAsksForThisMachine) {
  start({});
  EXPECT_EQ(ask(), 200);
  for (const char* host : {"localhost", "localhost:1", "127.0.0.1:80", "127.9.9.9", "[::1]:8", "[::1]"})
    EXPECT_EQ(ask({{"Host", host}}), 200) << host;
  for (const char* host : {"evil.example", "127.evil.com", "127.0.0.1.evil.com", "127.0.0.1.evil.com:80",
                           "10.0.0.1", "localhost.evil.com", "[::1].evil.com", "[::2]", "::1", "0.0.0.0"})
    EXPECT_EQ(ask({{"Host", host}}), 403) << host;
}

// Browsers, which could be misled, always name a host.
TEST_F(LimitedServer, AnswersNobodyWhoNamesNoHostThoughHeHasTo) {
  start({});
  const auto status_of = [this](std::string_view request) {
    const Descriptor client = say(request);
    std::array<char, 12> begin{};  // "HTTP/1.1 200"
    const ssize_t size = ::recv(client.get(), begin.data(), begin.size(), MSG_WAITALL);
    return std::string(begin.data(), static_cast<size_t>(std::max<ssize_t>(0, size))).substr(9);
  };
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n\r\n"), "403");
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: \r\n\r\n"), "403");
  EXPECT_EQ(status_of("GET / HTTP/1.0\r\n\r\n"), "200");
}

TEST_F(LimitedServer, KnowsLoopbackAddresses) {
  for (const char* host : {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1", "localhost"})
    EXPECT_TRUE(is_loopback(host)) << host;
  for (const char* host : {"0.0.0.0", "128.0.0.1", "::", "127", "127.0.0.1.com", "", "::ffff:10.0.0.1"})
    EXPECT_FALSE(is_loopback(host)) << host;
}

TEST_F(LimitedServer, TakesNoBodyAndNoEndlessHead) {
  start({.request_bytes = 4096, .request_time = milliseconds(60'000)});
  const Descriptor body = say("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1500000000\r\n\r\n" +
                              std::string(5000, 'b'));
  EXPECT_TRUE(is_closed(body, milliseconds(5000)));
  const Descriptor chunked =
      say("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n" +
          std::string(4096, 'b'));
  EXPECT_TRUE(is_closed(chunked, milliseconds(5000)));
  std::string head = "GET / HTTP/1.1\r\nHost: localhost\r\n";
  while (head.size() < 8192) head += "X-Header: value\r\n";
  EXPECT_TRUE(is_closed(say(head), milliseconds(5000)));
  EXPECT_EQ(ask(), 200);
}

TEST_F(LimitedServer, TakesNoRangesBeyondTheAnswer) {
  start({});
  for (const char* range : {"bytes=0-99999999", "bytes=5000000-6000000", "bytes=0-,0-,0-,0-", "bytes=2-3"}) {
    httplib::Client client("127.0.0.1", port_);
    const auto answer = client.Get("/", httplib::Headers{{"Range", range}});
    ASSERT_TRUE(answer) << range;
    EXPECT_EQ(answer->body, "here") << range;
  }
}

TEST_F(LimitedServer, AnswersOthersThoughManyHoldBackTheirBodies) {
  start({.connections = 8, .request_time = milliseconds(60'000), .answer_time = milliseconds(60'000)});
  std::vector<Descriptor> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(say("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n" +
                          std::string(i % 2 == 0 ? "Expect: 100-continue\r\n" : "") + "\r\n"));
  }
  EXPECT_EQ(ask(), 200);
}

TEST_F(LimitedServer, GivesARequestOnlySoMuchTime) {
  start({.request_time = milliseconds(100)});
  const Descriptor silent = say("");
  const Descriptor half = say("GET / HTTP/1.1\r\nHo");
  EXPECT_TRUE(is_closed(silent, milliseconds(5000)));
  EXPECT_TRUE(is_closed(half, milliseconds(5000)));
}

TEST_F(LimitedServer, AnswersOthersWhileManySaySlowlyOrNothing) {
  start({.connections = 8, .request_time = milliseconds(60'000)});
  std::vector<Descriptor> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(say(i % 2 == 0 ? "" : "GET / HT"));
  EXPECT_EQ(ask(), 200);
  EXPECT_TRUE(is_closed(clients.front(), milliseconds(5000))) << "the oldest makes room";
}

TEST_F(LimitedServer, EndsThoughClientsAreConnected) {
  start({.request_time = milliseconds(60'000)});
  const Descriptor silent = say("");
  const Descriptor half = say("GET / HTTP/1.1\r\nHo");
  EXPECT_EQ(ask(), 200);
  const Stopwatch watch;
  server_->end();
  EXPECT_LT(watch.seconds(), 10) << "it waited for its clients";
  EXPECT_TRUE(is_closed(half, milliseconds(5000)));
  server_->end();
}

TEST_F(LimitedServer, SharesItsPortWithNobody) {
  start({});
  LimitedHttpServer second;
  EXPECT_TRUE(fails(second.start("127.0.0.1", port_), ErrorKind::kFatal, "Address already in use"));
  EXPECT_FALSE(second.start("no.such.host.invalid", 0));
}

TEST(HttpAddress, HasAnAddressOfIpv6InBrackets) {
  EXPECT_EQ(http_address("127.0.0.1", 80), "http://127.0.0.1:80");
  EXPECT_EQ(http_address("localhost", 80), "http://localhost:80");
  EXPECT_EQ(http_address("::1", 80), "http://[::1]:80");
  EXPECT_EQ(http_address("[::1]", 80), "http://[::1]:80");
}

TEST(HttpAddress, IsListenedToWithAndWithoutBrackets) {
  for (const char* host : {"::1", "[::1]"}) {
    LimitedHttpServer server;
    const auto port = server.start(host, 0);
    if (!port && std::string(port.error().message).find("address") != std::string::npos)
      GTEST_SKIP() << "no IPv6 on this machine: " << port.error().message;
    ASSERT_TRUE(port) << host << ": " << port.error().message;
    httplib::Client client("::1", *port);
    const auto answer = client.Get("/nothing");
    ASSERT_TRUE(answer) << host;
    EXPECT_EQ(answer->status, 404);
  }
}

}  // namespace
}  // namespace templar::testing
