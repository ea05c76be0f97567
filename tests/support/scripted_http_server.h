// An HTTP server whose answers the test decides: for what a real one does not do on demand.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace templar::testing {

struct HttpRequest {
  std::string target;                          // "/write?db=x"
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

struct HttpAnswer {
  int status = 204;
  std::string body;
  std::map<std::string, std::string> headers;
};

// On loopback, at a free port, from its making to its end; one connection after the other, each kept open.
class ScriptedHttpServer {
 public:
  // `answer` is called on the server's thread.
  explicit ScriptedHttpServer(std::function<HttpAnswer(const HttpRequest&)> answer);
  ScriptedHttpServer(const ScriptedHttpServer&) = delete;
  ScriptedHttpServer& operator=(const ScriptedHttpServer&) = delete;
  ~ScriptedHttpServer();

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] std::vector<HttpRequest> requests() const;

 private:
  void run();
  void serve(int connection);

  std::function<HttpAnswer(const HttpRequest&)> answer_;
  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::vector<HttpRequest> requests_;  // guarded by mutex_, as is connection_
  int connection_ = -1;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace templar::testing
