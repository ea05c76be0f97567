#include "adapters/influx/influx_client.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "adapters/http/gzip.h"
#include "adapters/influx/batch_sender.h"
#include "support/expect_failure.h"
#include "support/http_server.h"

namespace templar::testing {
namespace {

InfluxConfig v1(const std::string& url) {
  return {.url = url, .database = "a db", .user = "u", .password = "s3cret-of-influx"};
}

InfluxConfig v2(const std::string& url) {
  return {.url = url, .org = "my org", .bucket = "b&c", .token = "s3cret-of-influx"};
}

// What a client makes of one answer; it never says the secret.
WriteAnswer answer_to(const InfluxConfig& config, const HttpAnswer& answer) {
  const HttpServer server([&](const httplib::Request&) { return answer; });
  InfluxConfig there = config;
  there.url = server.url();
  const auto client = InfluxClient::open(there).value();
  const WriteAnswer read = client->write(gzip("m f=1 7\n"));
  EXPECT_EQ(read.message.find("s3cret-of-influx"), std::string::npos) << read.message;
  return read;
}

bool says(const WriteAnswer& answer, std::string_view words) {
  return answer.message.find(words) != std::string::npos;
}

// A server that can't take lines with "bad" in them, nor more than max_lines at once; it says so as InfluxDB
// does.
struct PickyServer {
  HttpAnswer answer(const httplib::Request& request) {
    const std::string& lines = request.body;
    const auto count = static_cast<size_t>(std::ranges::count(lines, '\n'));
    if (count > max_lines) return {.status = 413, .body = R"({"error":"Request Entity Too Large"})"};
    if (lines.find("bad") != std::string::npos)
      return {.status = 400, .body = R"({"error":"unable to parse 'bad'"})"};
    written += lines;
    return {};
  }
  size_t max_lines = 1000;
  std::string written;
};

}  // namespace

TEST(InfluxConfig, SaysWhatIsMissingOrWrong) {
  const auto refuses = [](InfluxConfig config, std::string_view words) {
    const Status status = validate(config);
    EXPECT_TRUE(fails(status, ErrorKind::kFatal, words));
    EXPECT_TRUE(!status && status.error().message.find("secret") == std::string::npos);
  };
  EXPECT_TRUE(validate(v1("http://host:8086")));
  EXPECT_TRUE(validate(v2("https://host/path")));
  refuses(v1(""), "no url");
  refuses(v1("host:8086"), "must begin with http:// or https://");
  refuses(v1("http://u:secret@host"), "holds a user or a password");
  refuses(v1("http://host/?token=secret"), "has a query");
  refuses(v1("http://"), "names no host");
  refuses(v1("http://a b"), "no url has");
  refuses({.url = "http://h"}, "no database");
  refuses({.url = "http://h", .database = "d", .password = "secret"}, "a password without a user");
  refuses({.url = "http://h", .database = "d", .user = "a:b", .password = "secret"}, "holds a colon");
  refuses({.url = "http://h", .token = "secret"}, "no bucket");
  refuses({.url = "http://h", .bucket = "b"}, "no token");
  refuses({.url = "http://h", .bucket = "b", .token = "secret\r\nX: y"}, "the token holds a line end");
  refuses({.url = "http://h", .database = "d", .batch_size = 0}, "batch size 0: must be 1 to 100000");
  refuses({.url = "http://h", .database = "d", .flush_interval = std::chrono::minutes(2)},
          "must be 1 to 60000");
}

TEST(InfluxConfig, TakesTheVersionFromWhatIsGiven) {
  EXPECT_EQ(write_address(v1("http://h:1/")), "http://h:1/write?db=a%20db&precision=ns");
  EXPECT_EQ(write_address(v2("http://h:1/base")),
            "http://h:1/base/api/v2/write?org=my%20org&bucket=b%26c&precision=ns");
  EXPECT_EQ(effective_version({.version = InfluxVersion::k1, .token = "t"}), InfluxVersion::k1);
}

TEST(InfluxClient, SendsPackedLinesAndCredentialsAsEachVersionWantsThem) {
  const HttpServer server(204);
  for (const InfluxConfig& config : {v1(server.url()), v2(server.url())}) {
    const auto client = InfluxClient::open(config).value();
    EXPECT_EQ(client->write(gzip("m f=1 7\n")).outcome, WriteOutcome::kWritten);
    EXPECT_EQ(client->write(gzip("m f=2 8\n")).outcome, WriteOutcome::kWritten);
  }
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 4u);
  EXPECT_EQ(requests[0].target, "/write?db=a%20db&precision=ns");
  EXPECT_EQ(requests[0].get_header_value("Authorization"), "Basic dTpzM2NyZXQtb2YtaW5mbHV4");
  EXPECT_EQ(requests[2].target, "/api/v2/write?org=my%20org&bucket=b%26c&precision=ns");
  EXPECT_EQ(requests[2].get_header_value("Authorization"), "Token s3cret-of-influx");
  for (const httplib::Request& request : requests)
    EXPECT_EQ(request.get_header_value("Content-Encoding"), "gzip");
  EXPECT_EQ(requests[3].body, "m f=2 8\n");
}

TEST(InfluxClient, TellsApartWhatServersAnswer) {
  EXPECT_EQ(answer_to(v1(""), {.status = 200}).outcome, WriteOutcome::kWritten);
  const WriteAnswer partial = answer_to(
      v1(""), {.status = 400, .body = R"({"error":"partial write: field type conflict: x dropped=3"})"});
  EXPECT_EQ(partial.outcome, WriteOutcome::kRejected);
  EXPECT_EQ(partial.rejected_lines, 3u);
  EXPECT_TRUE(says(partial, "field type conflict"));
  EXPECT_EQ(answer_to(v2(""), {.status = 422, .body = "?"}).outcome, WriteOutcome::kRejected);
  EXPECT_EQ(answer_to(v1(""), {.status = 413}).outcome, WriteOutcome::kTooLarge);
  for (const int status : {429, 500, 503})
    EXPECT_EQ(answer_to(v1(""), {.status = status}).outcome, WriteOutcome::kUnavailable);
  const WriteAnswer later = answer_to(v2(""), {.status = 429, .headers = {{"Retry-After", "17"}}});
  EXPECT_EQ(later.retry_after, std::chrono::seconds(17));
}

TEST(InfluxClient, SaysWhatToDo) {
  const WriteAnswer user =
      answer_to(v1(""), {.status = 401, .body = R"({"error":"authorization failed: s3cret-of-influx"})"});
  EXPECT_EQ(user.outcome, WriteOutcome::kRefused);
  EXPECT_TRUE(says(user, "HTTP 401: authorization failed: <secret>: check the user and the password"))
      << user.message;
  EXPECT_TRUE(says(answer_to(v2(""), {.status = 401, .body = R"({"code":"unauthorized","message":"no"})"}),
                   "no: check the token"));
  EXPECT_TRUE(
      says(answer_to(v2(""), {.status = 403}), "the token may not write to bucket 'b&c' of org 'my org'"));
  EXPECT_TRUE(says(answer_to(v1(""), {.status = 404}), "is there a database 'a db'"));
  EXPECT_TRUE(says(answer_to(v1(""), {.status = 301, .headers = {{"Location", "/elsewhere"}}}),
                   "is the url that of an InfluxDB"));
}

TEST(InfluxClient, SaysThatNobodyIsThere) {
  std::string url;
  {
    const HttpServer gone(204);
    url = gone.url();
  }
  const WriteAnswer answer = InfluxClient::open(v1(url)).value()->write(gzip("m f=1 7\n"));
  EXPECT_EQ(answer.outcome, WriteOutcome::kUnavailable);
  EXPECT_TRUE(says(answer, ": is the url right, and is the server running?")) << answer.message;
}

TEST(InfluxAnswer, FindsTheServersWords) {
  EXPECT_EQ(server_message(R"({"error":"one\ntwo"})"), "one two");
  EXPECT_EQ(server_message(R"({"code":"x","message":"words"})"), "words");
  EXPECT_EQ(server_message("<html>"), "<html>");
  EXPECT_EQ(server_message(""), "");
  EXPECT_EQ(server_message(std::string(299, 'a') + "\xf0\x9f\xa6\x80"), std::string(299, 'a') + " ...");
  EXPECT_EQ(partial_write_dropped("partial write: dropped=12"), 12u);
  EXPECT_EQ(partial_write_dropped("partial write: something"), std::nullopt);
  EXPECT_EQ(partial_write_dropped("unable to parse: dropped=12"), std::nullopt);
}

TEST(BatchSender, KeepsTheGoodLinesOfABatchWithBadOnes) {
  PickyServer picky;
  const HttpServer server([&](const httplib::Request& request) { return picky.answer(request); });
  BatchSender sender(InfluxClient::open(v1(server.url())).value());
  std::string lines;
  std::string good;
  for (int i = 0; i < 100; ++i) {
    const bool is_bad = i == 3 || i == 50 || i == 99;
    const std::string line = std::string(is_bad ? "bad" : "m") + " f=\"text\" " + std::to_string(i) + "\n";
    lines += line;
    if (!is_bad) good += line;
  }
  const SendReport report = sender.send({.points = 100, .packed = gzip(lines)});
  EXPECT_EQ(report.outcome, WriteOutcome::kWritten);
  EXPECT_EQ(report.rejected_points, 3u);
  EXPECT_NE(report.message.find("unable to parse 'bad'"), std::string::npos);
  EXPECT_EQ(picky.written, good);
  EXPECT_LT(sender.requests(), 50u);
}

TEST(BatchSender, HalvesWhatIsTooLarge) {
  PickyServer picky{.max_lines = 3};
  const HttpServer server([&](const httplib::Request& request) { return picky.answer(request); });
  BatchSender sender(InfluxClient::open(v1(server.url())).value());
  std::string lines;
  for (int i = 0; i < 10; ++i) lines += "m f=" + std::to_string(i) + " 7\n";
  EXPECT_EQ(sender.send({.points = 10, .packed = gzip(lines)}).rejected_points, 0u);
  EXPECT_EQ(picky.written, lines);
}

TEST(BatchSender, LeavesABatchForLaterWhereTheServerGoesAwayInTheMiddle) {
  int calls = 0;
  const HttpServer server([&](const httplib::Request&) -> HttpAnswer {
    ++calls;
    if (calls == 1) return {.status = 413};
    if (calls == 2) return {};
    return {.status = 503, .headers = {{"Retry-After", "5"}}};
  });
  BatchSender sender(InfluxClient::open(v1(server.url())).value());
  const SendReport report = sender.send({.points = 2, .packed = gzip("m f=1 7\nm f=2 8\n")});
  EXPECT_EQ(report.outcome, WriteOutcome::kUnavailable);
  EXPECT_EQ(report.retry_after, std::chrono::seconds(5));
}

TEST(BatchSender, GivesUpABatchThatIsNotReadable) {
  const HttpServer server(400);
  BatchSender sender(InfluxClient::open(v1(server.url())).value());
  const SendReport report = sender.send({.points = 5, .packed = Bytes{1, 2, 3}});
  EXPECT_EQ(report.outcome, WriteOutcome::kWritten);
  EXPECT_EQ(report.rejected_points, 5u);
}

}  // namespace templar::testing
