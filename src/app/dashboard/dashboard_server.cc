#include "app/dashboard/dashboard_server.h"

#include <fmt/format.h>
#include <httplib.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "adapters/http/gzip.h"
#include "adapters/http/limited_http_server.h"
#include "app/dashboard/run_json.h"
#include "app/dashboard/run_watch.h"
#include "base/clock.h"
#include "base/files/file.h"

namespace templar {
namespace {

constexpr double kLongestAnswerSeconds = 25;
constexpr const char* kHtml = "text/html; charset=utf-8";
constexpr const char* kJson = "application/json";
// The page carries hashes of its own script and style in a policy of its own; a browser keeps to both.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src "
    "'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

std::optional<int64_t> integer(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || text.empty() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<int64_t> parameter(const httplib::Request& request, const char* name) {
  return integer(request.get_param_value(name));
}

// Handed out as it is: the library would choose brotli at its slowest.
void send(httplib::Response& response, std::shared_ptr<const std::string> body, const char* type) {
  const size_t size = body->size();
  response.set_content_provider(
      size, type, [body = std::move(body)](size_t offset, size_t length, httplib::DataSink& sink) {
        const std::string_view part = std::string_view(*body).substr(std::min(offset, body->size()), length);
        return part.size() == length && sink.write(part.data(), part.size());
      });
}

void answer(const httplib::Request& request, httplib::Response& response, std::string body,
            const char* type) {
  if (request.get_header_value("Accept-Encoding").find("gzip") != std::string::npos && body.size() > 512) {
    response.set_header("Content-Encoding", "gzip");
    body = as_text(gzip(body, kSmallGzip));
  }
  send(response, std::make_shared<const std::string>(std::move(body)), type);
}

void refuse(httplib::Response& response, int status, const std::string& message) {
  response.status = status;
  response.set_content(message + "\n", "text/plain");
}

// A cursor as the page has it from news_json: "LIFE-REVISION".
struct Cursor {
  uint64_t life = 0;
  uint64_t revision = 0;
};
std::optional<Cursor> cursor_of(const std::string& text) {
  const size_t dash = text.find('-');
  if (dash == std::string::npos) return std::nullopt;
  const auto life = integer(std::string_view(text).substr(0, dash));
  const auto revision = integer(std::string_view(text).substr(dash + 1));
  if (!life || !revision || *life < 0 || *revision < 0) return std::nullopt;
  return Cursor{static_cast<uint64_t>(*life), static_cast<uint64_t>(*revision)};
}

class HttpDashboard final : public DashboardServer {
 public:
  HttpDashboard(const DashboardOptions& options, RunFollower follower)
      : options_(options), folder_(absolute_path(options.folder).string()), watch_(std::move(follower)) {}
  ~HttpDashboard() override { stop(); }

  Status listen() {
    add_routes();
    const Result<int> port = server_.start(options_.host, options_.port);
    if (!port) {
      return fatal_error(
          fmt::format("can't listen on {}:{}: {}; choose another --port, or 0 for any free one",
                      options_.host, options_.port, port.error().message));
    }
    port_ = *port;
    return {};
  }

  int port() const override { return port_; }
  std::string address() const override { return http_address(options_.host, port_) + "/"; }

  void stop() override {
    watch_.stop();
    server_.end();
  }

 private:
  void add_routes() {
    httplib::Server& routes = server_.routes();
    routes.set_default_headers({{"Content-Security-Policy", kPolicy},
                                {"X-Content-Type-Options", "nosniff"},
                                {"Referrer-Policy", "no-referrer"},
                                {"Cache-Control", "no-store"}});
    routes.Get("/", [this](const auto& request, auto& response) {
      answer(request, response, std::string(options_.page), kHtml);
    });
    routes.Get("/api/run", [this](const auto& request, auto& response) {
      std::string body;
      watch_.look([&](const RunKnowledge& run) { body = run_json(run, folder_); });
      answer(request, response, std::move(body), kJson);
    });
    routes.Get("/api/news", [this](const auto& request, auto& response) { news(request, response); });
    routes.Get("/api/windows", [this](const auto& request, auto& response) {
      const auto first = parameter(request, "first"), last = parameter(request, "last");
      if (!first || !last) return refuse(response, 400, "windows: first and last must be numbers");
      std::string body;
      watch_.look([&](const RunKnowledge& run) { body = details_json(run, *first, *last); });
      answer(request, response, std::move(body), kJson);
    });
    routes.Get("/api/miner", [this](const auto& request, auto& response) {
      const auto uid = parameter(request, "uid");
      if (!uid || *uid < 0 || *uid > UINT32_MAX) return refuse(response, 400, "miner: uid must be a number");
      std::string body;
      watch_.look([&](const RunKnowledge& run) { body = miner_json(run, static_cast<uint32_t>(*uid)); });
      answer(request, response, std::move(body), kJson);
    });
  }

  void news(const httplib::Request& request, httplib::Response& response) {
    const std::optional<Cursor> cursor = cursor_of(request.get_param_value("since"));
    const auto wait = parameter(request, "wait");
    if (cursor && wait) {
      watch_.wait_for_news(cursor->life, cursor->revision,
                           std::min(static_cast<double>(*wait), kLongestAnswerSeconds));
    }
    std::string body;
    watch_.look([&](const RunKnowledge& run) {
      const bool knows = cursor && cursor->life == run.life && cursor->revision <= run.view.revision();
      body = news_json(run, knows ? cursor->revision : 0, SystemClock().now_ms());
    });
    answer(request, response, std::move(body), kJson);
  }

  const DashboardOptions options_;
  const std::string folder_;
  RunWatch watch_;
  int port_ = 0;
  LimitedHttpServer server_;  // last: ended before what its routes read
};

}  // namespace

Result<std::unique_ptr<DashboardServer>> DashboardServer::start(const DashboardOptions& options) {
  TRY_ASSIGN(RunFollower follower, RunFollower::open(options.folder));
  auto server = std::make_unique<HttpDashboard>(options, std::move(follower));
  TRY(server->listen());
  return server;
}

}  // namespace templar
