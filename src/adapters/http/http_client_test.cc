#include "adapters/http/http_client.h"

#include <gtest/gtest.h>

#include <future>

#include "support/expect_failure.h"
#include "support/http_server.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

TEST(HttpClient, PostsHeadersAndBody) {
  HttpServer server([](int, const httplib::Request&, httplib::Response& response) {
    response.status = 201;
    response.set_content("taken", "text/plain");
  });
  HttpClient client;
  const auto response = client
                            .post({.url = server.url("/a/b?c=d"),
                                   .headers = {{"X-One", "1"}, {"Content-Type", "text/x"}},
                                   .body = "the body"})
                            .value();
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(response.body, "taken");
  const httplib::Request request = server.requests().at(0);
  EXPECT_EQ(request.path, "/a/b");
  EXPECT_EQ(request.get_param_value("c"), "d");
  EXPECT_EQ(request.get_header_value("X-One"), "1");
  EXPECT_EQ(request.get_header_value("Content-Type"), "text/x");
  EXPECT_EQ(request.body, "the body");
}

TEST(HttpClient, CompressesIfAskedTo) {
  HttpServer server(204);
  HttpClient client;
  const std::string body(100000, 'x');
  ASSERT_EQ(client.post({.url = server.url("/"), .body = body, .gzip = true}).value().status, 204);
  const httplib::Request request = server.requests().at(0);
  EXPECT_EQ(request.get_header_value("Content-Encoding"), "gzip");
  EXPECT_LT(std::stoi(request.get_header_value("Content-Length")), 2000);
  EXPECT_EQ(request.body, body) << "as the server unpacks it";
}

TEST(HttpClient, PostsAnEmptyBody) {
  HttpServer server(204);
  HttpClient client;
  EXPECT_EQ(client.post({.url = server.url("/")}).value().status, 204);
  EXPECT_EQ(client.post({.url = server.url("/"), .gzip = true}).value().status, 204);
  EXPECT_EQ(server.requests().at(1).body, "");
}

TEST(HttpClient, SignsInWithUserAndPassword) {
  HttpServer server(204);
  HttpClient client;
  ASSERT_TRUE(client.post({.url = server.url("/"), .user = "me", .password = "pass:word"}));
  EXPECT_EQ(server.requests().at(0).get_header_value("Authorization"), "Basic bWU6cGFzczp3b3Jk");
}

TEST(HttpClient, KeepsItsConnection) {
  HttpServer server(204);
  HttpClient client;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(client.post({.url = server.url("/"), .body = "x"}));
  EXPECT_EQ(server.requests().at(0).remote_port, server.requests().at(2).remote_port);
}

TEST(HttpClient, SaysWhenToComeBack) {
  HttpServer server([](int, const httplib::Request&, httplib::Response& response) {
    response.status = 429;
    response.set_header("Retry-After", "7");
  });
  HttpClient client;
  const auto response = client.post({.url = server.url("/")}).value();
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(response.retry_after, std::chrono::seconds(7));
}

TEST(HttpClient, TakesOnlyTheBeginningOfALongAnswer) {
  HttpServer server([](int, const httplib::Request&, httplib::Response& response) {
    response.set_content(std::string(1 << 20, 'x'), "text/plain");
  });
  HttpClient client;
  EXPECT_EQ(client.post({.url = server.url("/")}).value().body.size(), size_t{64} << 10);
}

TEST(HttpClient, SaysThatNobodyAnswers) {
  HttpClient client;
  std::string address;
  {
    const HttpServer gone(204);
    address = gone.url("/");
  }
  const auto nobody = client.post({.url = address});
  ASSERT_TRUE(fails(nobody, ErrorKind::kRetry));
  EXPECT_EQ(nobody.error().message, address + ": Couldn't connect to server")
      << "the same each time, without how long it took";
  EXPECT_TRUE(fails(client.post({.url = "http://no-such-host.invalid/x"}), ErrorKind::kRetry,
                    "no-such-host.invalid"));
}

TEST(HttpClient, WaitsNoLongerThanItIsTold) {
  std::promise<void> over;
  HttpServer server([end = over.get_future().share()](int, const httplib::Request&, httplib::Response&) {
    end.wait_for(std::chrono::seconds(60));
  });
  HttpClient client({.timeout = std::chrono::milliseconds(50)});
  EXPECT_TRUE(fails(client.post({.url = server.url("/")}), ErrorKind::kRetry, ": Timeout was reached"));
  over.set_value();
}

TEST(HttpClient, IsCancelledInTheMiddle) {
  std::promise<void> over;
  CallCounter begun;
  HttpServer server([&, end = over.get_future().share()](int, const httplib::Request&, httplib::Response&) {
    begun.count_call();
    end.wait_for(std::chrono::seconds(60));
  });
  HttpClient client({.timeout = std::chrono::hours(1)});
  auto outcome = std::async(std::launch::async, [&] { return client.post({.url = server.url("/")}); });
  ASSERT_TRUE(begun.wait_for_calls(1));
  client.cancel();
  EXPECT_TRUE(fails(outcome.get(), ErrorKind::kRetry, "cancelled"));
  EXPECT_TRUE(fails(client.post({.url = server.url("/")}), ErrorKind::kRetry, "cancelled"));
  over.set_value();
}

TEST(HttpClient, ChecksTheCertificateOfAServer) {
  const TemporaryFolder folder;
  const TestCertificate certificate;
  certificate.save(folder / "ca.pem");
  TestCertificate().save(folder / "other.pem");
  HttpServer server(certificate, 204);
  const std::string url = "https://127.0.0.1:" + std::to_string(server.port()) + "/";
  HttpClient trusting({.ca_file = folder / "ca.pem"});
  EXPECT_EQ(trusting.post({.url = url, .body = "x"}).value().status, 204);
  for (const char* file : {"", "other.pem", "missing.pem"}) {
    HttpClient client({.ca_file = *file == '\0' ? std::filesystem::path() : folder / file});
    EXPECT_TRUE(fails(client.post({.url = url}), ErrorKind::kFatal, "certificates")) << file;
  }
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST(HttpClient, RefusesWhatCannotBeSent) {
  HttpClient client;
  EXPECT_TRUE(fails(client.post({.url = "file:///etc/passwd"}), ErrorKind::kFatal, "not supported"));
  EXPECT_TRUE(fails(client.post({.url = "http://[bad"}), ErrorKind::kFatal, "http://[bad"));
  EXPECT_TRUE(fails(client.post({.url = "http://127.0.0.1/", .headers = {{"Token", "a\r\nX: b"}}}),
                    ErrorKind::kFatal, "the value for the header Token has a line break"));
}

TEST(HttpClient, ShowsNoSecretInItsErrors) {
  HttpClient client({.timeout = std::chrono::milliseconds(500)});
  const auto outcome = client.post({.url = "http://me:hunter2@no-such-host.invalid:1/write?p=hunter2",
                                    .headers = {{"Authorization", "Token hunter2"}},
                                    .user = "you",
                                    .password = "hunter2"});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message.find("hunter2"), std::string::npos) << outcome.error().message;
}

TEST(ShownAddress, HasNothingSecret) {
  EXPECT_EQ(shown_address("https://user:pw@host:80/path?token=x#y"), "https://host:80/path");
  EXPECT_EQ(shown_address("http://user:p/w@host/path"), "http://host/path");
  EXPECT_EQ(shown_address("http://host/path"), "http://host/path");
  EXPECT_EQ(shown_address("host?p=x"), "host");
}

}  // namespace
}  // namespace templar::testing
