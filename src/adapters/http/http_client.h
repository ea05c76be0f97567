// Posting to a server by HTTP or HTTPS (libcurl).
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace templar {

struct HttpClientOptions {
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(5);
  std::chrono::milliseconds timeout = std::chrono::seconds(30);  // of a whole request
  std::filesystem::path ca_file;  // certificates that servers are checked against; empty: the system's
};

struct HttpPost {
  std::string url;  // http:// or https://
  // Content-Type is application/octet-stream unless one of them says.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string user;  // Basic authentication; empty: none
  std::string password;
  std::string body;
  bool gzip = false;  // send the body compressed
};

struct HttpResponse {
  int status = 0;
  std::string body;                                 // the first 64 KiB
  std::optional<std::chrono::seconds> retry_after;  // the header, where it gives seconds
};

// Keeps its connection between calls. One thread posts at a time; cancel() may be called by any.
class HttpClient {
 public:
  explicit HttpClient(HttpClientOptions options = {});
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  // The server's answer, whatever its status: redirections are not followed. Fails (retry) where there was
  // none: unknown host, refused, timed out, cancelled; (fatal) where the address or a header can't be sent,
  // or the certificate can't be trusted. Messages name the address without user, password or query, and no
  // header; one failure has the same words each time.
  [[nodiscard]] Result<HttpResponse> post(const HttpPost& request);

  // Ends a post() that is going on, at once, and every later one.
  void cancel();

 private:
  struct Curl;

  const HttpClientOptions options_;
  std::atomic<bool> cancelled_{false};
  std::unique_ptr<Curl> curl_;
};

// The address as it may be shown: without user, password, query and fragment.
[[nodiscard]] std::string shown_address(std::string_view url);

}  // namespace templar
