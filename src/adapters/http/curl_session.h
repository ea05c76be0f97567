// What the clients of this folder share: a libcurl handle that keeps its connections, and the care it needs.
// Included by their sources and tests alone.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace templar {

// A transfer at a time; not thread-safe, but for wake(). Keeps two connections at most.
class CurlSession {
 public:
  CurlSession();
  CurlSession(const CurlSession&) = delete;
  CurlSession& operator=(const CurlSession&) = delete;
  ~CurlSession();

  // Forgets all options, not the connections, and sets those that every transfer has: HTTP and HTTPS alone,
  // no redirections, no signals.
  void reset();
  // Makes the transfer that the options describe. nullopt: it was cancelled, which is looked at whenever
  // something happens, after wake(), and each poll_interval.
  [[nodiscard]] std::optional<CURLcode> perform(const std::function<bool()>& is_cancelled,
                                                std::chrono::milliseconds poll_interval);
  void wake() { curl_multi_wakeup(multi_); }

  [[nodiscard]] CURL* easy() const { return easy_; }
  // What was wrong with the last transfer. curl's own words name host and port, never what was sent; one
  // failure has the same words each time.
  [[nodiscard]] std::string description(CURLcode code) const;

 private:
  CURLM* multi_;
  CURL* easy_;
  char error_[CURL_ERROR_SIZE] = {};
};

// Lines of a request's header.
class HeaderLines {
 public:
  void add(const std::string& line);
  [[nodiscard]] curl_slist* get() const { return list_.get(); }

 private:
  struct Free {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };
  std::unique_ptr<curl_slist, Free> list_;
};

// False where a line break would smuggle in a header of somebody else's choice.
[[nodiscard]] bool is_sendable(const std::pair<std::string, std::string>& header);

[[nodiscard]] bool tells_of_certificates(CURLcode code);
[[nodiscard]] bool tells_of_the_request(CURLcode code);

}  // namespace templar
