// An HTTP server for small questions (GET), asked by anybody who can reach it: the dashboard's and
// Prometheus'.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "base/result.h"

namespace httplib {
class Server;
}

namespace templar {

// Whoever goes beyond one of them is cut off; the others notice nothing.
struct HttpServerLimits {
  // Where there are as many, a new connection ends the one that has been asking for longest.
  size_t connections = 64;
  size_t request_bytes = size_t{16} << 10;        // head and body
  std::chrono::milliseconds request_time{5000};   // from the connection, or the end of the last answer
  std::chrono::milliseconds answer_time{60'000};  // from the end of the request
};

// "127.0.0.1", "::1", "localhost", and every other address that never leaves this machine.
[[nodiscard]] bool is_loopback(const std::string& host);

// "http://127.0.0.1:80", "http://[::1]:80"; the host may have its brackets already.
[[nodiscard]] std::string http_address(const std::string& host, int port);

// Whether a request's Host is this machine: an address of it, or "localhost", with or without a port. A name
// that somebody has pointed at 127.0.0.1 would let his page read what only this machine may.
[[nodiscard]] bool names_this_machine(const std::string& host_header);

// One that listens on a loopback address answers only requests that name this machine.
class LimitedHttpServer {
 public:
  explicit LimitedHttpServer(const HttpServerLimits& limits = {});
  LimitedHttpServer(const LimitedHttpServer&) = delete;
  LimitedHttpServer& operator=(const LimitedHttpServer&) = delete;
  ~LimitedHttpServer();

  // To add routes and headers to, before start(). What the routes read must outlive this.
  [[nodiscard]] httplib::Server& routes();

  // Listens on a thread of its own; an address of IPv6 may stand in brackets; port 0: any that is free.
  // Returns the port, or fails (fatal) with the system's reason.
  [[nodiscard]] Result<int> start(const std::string& host, int port);
  // Ends at once, whatever clients do: their connections are closed. A route's handler that is at work is
  // waited for. Nothing if it was not started.
  void end();

 private:
  class Connections;
  std::unique_ptr<Connections> connections_;
};

}  // namespace templar
