#include "adapters/http/http_transfers.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "adapters/http/curl_session.h"
#include "support/expect_failure.h"
#include "support/http_server.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

Transfer post_to(const std::string& url, std::string_view body = "") {
  return {.method = "POST", .url = url, .body = as_bytes(body)};
}

TEST(HttpTransfers, GivesTheWholeAnswerWhateverItsStatus) {
  const HttpServer server([](const httplib::Request& request) -> HttpAnswer {
    return {.status = request.body == "good" ? 200 : 404,
            .body = "said " + request.body,
            .headers = {{"X-Name", " value "}}};
  });
  HttpTransfers transfers({});
  const TransferReply good = transfers.perform(post_to(server.url("/path?a=b"), "good")).value();
  EXPECT_EQ(good.status, 200);
  EXPECT_EQ(as_text(good.body), "said good");
  EXPECT_EQ(good.header("x-name"), "value");
  EXPECT_EQ(good.content_length(), 9u);
  EXPECT_EQ(server.requests()[0].target, "/path?a=b");
  const TransferReply bad = transfers.perform(post_to(server.url(), "bad")).value();
  EXPECT_EQ(bad.status, 404);
  EXPECT_EQ(as_text(bad.body), "said bad");
}

TEST(HttpTransfers, EndsAGoodAnswerThatIsTooLarge) {
  const HttpServer server(
      [](const httplib::Request&) -> HttpAnswer { return {.status = 200, .body = "0123456789"}; });
  HttpTransfers transfers({});
  Transfer transfer = post_to(server.url());
  transfer.max_body_bytes = 10;
  EXPECT_FALSE(transfers.perform(transfer).value().is_too_large);
  transfer.max_body_bytes = 9;
  EXPECT_TRUE(transfers.perform(transfer).value().is_too_large);
}

TEST(HttpTransfers, HandsAGoodBodyToTheSinkAndKeepsABadOne) {
  const HttpServer server([](const httplib::Request& request) -> HttpAnswer {
    return {.status = request.body == "good" ? 200 : 404, .body = "said " + request.body};
  });
  HttpTransfers transfers({});
  std::string taken;
  Transfer transfer = post_to(server.url(), "good");
  transfer.sink = [&](const TransferReply& reply, ByteView piece) -> Status {
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.content_length(), 9u);
    taken += as_text(piece);
    return {};
  };
  EXPECT_TRUE(transfers.perform(transfer).value().body.empty());
  EXPECT_EQ(taken, "said good");
  transfer.max_body_bytes = 8;
  EXPECT_TRUE(transfers.perform(transfer).value().is_too_large);
  EXPECT_EQ(taken, "said good") << "nothing of it";
  transfer.body = as_bytes("bad");
  EXPECT_EQ(as_text(transfers.perform(transfer).value().body), "said bad");
  transfer.max_body_bytes = 9;
  transfer.body = as_bytes("good");
  transfer.sink = [](const TransferReply&, ByteView) -> Status { return skip_error("no room"); };
  EXPECT_TRUE(fails(transfers.perform(transfer), ErrorKind::kSkip, "no room"));
}

TEST(HttpTransfers, KeepsItsConnections) {
  Mutex mutex;
  std::set<int> ports;
  const HttpServer server([&](const httplib::Request& request) -> HttpAnswer {
    const MutexLock lock(mutex);
    ports.insert(request.remote_port);
    return {};
  });
  HttpTransfers transfers({});
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(transfers.perform(post_to(server.url())));
  EXPECT_EQ(ports.size(), 1u);
}

TEST(HttpTransfers, SharesConnectionsThatItIsGiven) {
  const HttpServer server(204);
  const auto connections = std::make_shared<KeptConnections>();
  std::set<int> ports;
  for (int client = 0; client < 3; ++client) {
    HttpTransfers transfers({.connections = connections});
    ASSERT_TRUE(transfers.perform(post_to(server.url())));
    ports.insert(server.requests().back().remote_port);
  }
  EXPECT_EQ(ports.size(), 1u);
}

TEST(KeptConnections, GivesTheHandleThatSpokeToTheServerLast) {
  KeptConnections connections(2);
  const auto use = [&](const std::string& server) {
    auto session = connections.take(server);
    const CurlSession* used = session.get();
    connections.give_back(std::move(session), server);
    return used;
  };
  const CurlSession* first = use("https://a");
  const CurlSession* second = use("https://b");
  EXPECT_NE(first, second);
  EXPECT_EQ(use("https://a"), first);
  EXPECT_EQ(use("https://c"), second) << "all are made, and it was not used for longest";
  EXPECT_EQ(use("https://b"), first);
  EXPECT_EQ(use("https://c"), second);
}

TEST(KeptConnections, KeepsNoMoreHandlesThanAllowed) {
  KeptConnections connections(2);
  std::vector<std::unique_ptr<CurlSession>> taken;
  for (int i = 0; i < 5; ++i) taken.push_back(connections.take("https://a"));
  std::set<const CurlSession*> given;
  for (auto& session : taken) {
    given.insert(session.get());
    connections.give_back(std::move(session), "https://a");
  }
  EXPECT_EQ(given.size(), 5u);
  // The two that are kept and, as long as these are out, new ones.
  std::vector<std::unique_ptr<CurlSession>> again;
  for (int i = 0; i < 2; ++i) again.push_back(connections.take("https://a"));
  for (auto& session : again) EXPECT_TRUE(given.contains(session.get()));
  for (auto& session : again) connections.give_back(std::move(session), "https://a");
}

TEST(HttpTransfers, TrustsOnlyTheCertificatesThatItWasGiven) {
  const TemporaryFolder folder;
  const TestCertificate certificate;
  certificate.save(folder / "ca.pem");
  const HttpServer server(certificate, 204);
  const std::string url = "https://127.0.0.1:" + std::to_string(server.port());
  EXPECT_TRUE(
      fails(HttpTransfers({}).perform(post_to(url)), ErrorKind::kFatal, "give the file of the certificates"));
  TransferOptions options;
  options.ca_file = folder / "ca.pem";
  EXPECT_EQ(HttpTransfers(options).perform(post_to(url)).value().status, 204);
}

TEST(HttpTransfers, SaysWhyThereIsNoAnswer) {
  HttpTransfers transfers({});
  EXPECT_TRUE(fails(transfers.perform(post_to("http://127.0.0.1:1/path?secret=x")), ErrorKind::kRetry,
                    "http://127.0.0.1:1/path: "));
  EXPECT_TRUE(fails(transfers.perform(post_to("ftp://127.0.0.1/")), ErrorKind::kFatal));
  Transfer transfer = post_to("http://127.0.0.1:1");
  transfer.headers = {{"name", "value\r\nother: x"}};
  EXPECT_TRUE(fails(transfers.perform(transfer), ErrorKind::kFatal, "line break"));
}

TEST(HttpTransfers, GoesThroughTheProxyUnlessAddressesAreChecked) {
  const HttpServer proxy(204);
  TransferOptions options;
  options.proxy = proxy.url();
  ASSERT_TRUE(HttpTransfers(options).perform(post_to("http://far.invalid/x")));
  EXPECT_EQ(proxy.requests().size(), 1u);
  options.no_proxy = "far.invalid";
  EXPECT_TRUE(
      fails(HttpTransfers(options).perform(post_to("http://far.invalid/x")), ErrorKind::kRetry, "resolve"));
  options.no_proxy.clear();
  options.refusal = [](const sockaddr&) { return std::nullopt; };
  EXPECT_TRUE(
      fails(HttpTransfers(options).perform(post_to("http://far.invalid/x")), ErrorKind::kRetry, "resolve"));
  EXPECT_EQ(proxy.requests().size(), 1u);
}

TEST(HttpTransfers, NeverConnectsToAnAddressThatIsRefused) {
  const HttpServer server(204);
  TransferOptions options;
  options.refusal = [](const sockaddr&) { return std::optional<std::string>("it is ours"); };
  EXPECT_TRUE(fails(HttpTransfers(options).perform(post_to(server.url())), ErrorKind::kSkip, "it is ours"));
  EXPECT_TRUE(server.requests().empty());
}

}  // namespace
}  // namespace templar::testing
