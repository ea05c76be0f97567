// A real HTTP server on the loopback that remembers what came and answers as a test says.
#pragma once

#include <httplib.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/threads/mutex.h"
#include "support/call_counter.h"
#include "support/test_certificate.h"

namespace templar::testing {

struct HttpAnswer {
  int status = 204;
  std::string body;
  std::map<std::string, std::string> headers;
};

// Thread-safe. Serves until its end; a handler must not wait for longer than the test that made it.
class HttpServer {
 public:
  // The number of the request from 0, the request with its body unpacked, and what to answer; on the server's
  // own threads.
  using Handler = std::function<void(int number, const httplib::Request&, httplib::Response&)>;

  // Port 0: any that is free.
  explicit HttpServer(Handler handler, int port = 0)
      : HttpServer(std::make_unique<httplib::Server>(), std::move(handler), port) {}
  explicit HttpServer(std::function<HttpAnswer(const httplib::Request&)> answer)
      : HttpServer(as_handler(std::move(answer))) {}
  // Answers everything with that status.
  explicit HttpServer(int status) : HttpServer(always(status)) {}
  // The same by HTTPS, with that certificate.
  HttpServer(const TestCertificate& certificate, int status)
      : HttpServer(std::make_unique<httplib::SSLServer>(certificate.certificate(), certificate.key()),
                   always(status), 0) {}
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer() {
    server_->stop();
    thread_.join();
  }

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string url(const std::string& path = "") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  [[nodiscard]] std::vector<httplib::Request> requests() const {
    const MutexLock lock(mutex_);
    return requests_;
  }

  CallCounter arrived;  // counts requests that have been answered

 private:
  static Handler always(int status) {
    return [status](int, const httplib::Request&, httplib::Response& response) { response.status = status; };
  }

  static Handler as_handler(std::function<HttpAnswer(const httplib::Request&)> answer) {
    return [answer = std::move(answer)](int, const httplib::Request& request, httplib::Response& response) {
      const HttpAnswer said = answer(request);
      response.status = said.status;
      response.body = said.body;
      for (const auto& [name, value] : said.headers) response.set_header(name, value);
    };
  }

  HttpServer(std::unique_ptr<httplib::Server> server, Handler handler, int port)
      : handler_(std::move(handler)), server_(std::move(server)) {
    const auto handle = [this](const httplib::Request& request, httplib::Response& response) {
      int number = 0;
      {
        const MutexLock lock(mutex_);
        number = static_cast<int>(requests_.size());
        requests_.push_back(request);
      }
      handler_(number, request, response);
      arrived.count_call();
    };
    server_->Post(".*", handle);
    server_->Get(".*", handle);  // HEAD as well
    port_ = port == 0                                  ? server_->bind_to_any_port("127.0.0.1")
            : server_->bind_to_port("127.0.0.1", port) ? port
                                                       : -1;
    thread_ = std::thread([this] { server_->listen_after_bind(); });
    // Until then a stop() would not be heard.
    while (!server_->is_running()) std::this_thread::yield();
  }

  Handler handler_;
  mutable Mutex mutex_;
  std::vector<httplib::Request> requests_ GUARDED_BY(mutex_);
  std::unique_ptr<httplib::Server> server_;
  int port_ = -1;
  std::thread thread_;
};

}  // namespace templar::testing
