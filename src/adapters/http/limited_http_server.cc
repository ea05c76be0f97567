#include "adapters/http/limited_http_server.h"

#include <arpa/inet.h>
#include <httplib.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <tuple>

#include "base/clock.h"
#include "base/threads/mutex.h"

namespace templar {
namespace {

using std::chrono::milliseconds;

constexpr size_t kStatusAt = std::string_view("HTTP/1.1 ").size();

milliseconds left_of(milliseconds time, const Stopwatch& watch) {
  return std::max(milliseconds(0), time - milliseconds(static_cast<int64_t>(watch.seconds() * 1000)));
}

bool waits_for(socket_t socket, short event, milliseconds at_most) {
  pollfd asked{.fd = socket, .events = event, .revents = 0};
  int ready = 0;
  do {
    ready = ::poll(&asked, 1, static_cast<int>(at_most.count()));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

// A connection as the library reads and writes it, one request after the other, with the limits of each.
class LimitedStream final : public httplib::Stream {
 public:
  LimitedStream(socket_t socket, const HttpServerLimits& limits) : socket_(socket), limits_(limits) {}

  // Whether another request has begun in time; none does after one that was refused.
  [[nodiscard]] bool next_request() {
    if (has_refused_) return false;  // what comes may be the rest of what was not read
    read_bytes_ = 0;
    is_answering_ = false;
    watch_ = Stopwatch();
    return waits_for(socket_, POLLIN, limits_.request_time);
  }

  [[nodiscard]] bool is_readable() const override { return waits_for(socket_, POLLIN, left()); }
  [[nodiscard]] bool is_writable() const override { return waits_for(socket_, POLLOUT, left()); }

  ssize_t read(char* bytes, size_t size) override {
    if (read_bytes_ >= limits_.request_bytes || !is_readable()) return -1;
    const ssize_t count =
        ::recv(socket_, bytes, std::min(size, limits_.request_bytes - read_bytes_), MSG_DONTWAIT);
    if (count > 0) read_bytes_ += static_cast<size_t>(count);
    return count;
  }

  ssize_t write(const char* bytes, size_t size) override {
    const std::string_view line(bytes, size);  // "HTTP/1.1 404 Not Found", and more
    const char kind = line.size() > kStatusAt ? line[kStatusAt] : '\0';
    if (!is_answering_ && kind != '1') {  // "100 Continue" is no answer yet
      watch_ = Stopwatch();
      is_answering_ = true;
      has_refused_ = kind >= '4';
    }
    if (!is_writable()) return -1;
    return ::send(socket_, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  void get_remote_ip_and_port(std::string& ip, int& port) const override { name_nobody(ip, port); }
  void get_local_ip_and_port(std::string& ip, int& port) const override { name_nobody(ip, port); }
  [[nodiscard]] socket_t socket() const override { return socket_; }

 private:
  // No route asks who it is.
  static void name_nobody(std::string& ip, int& port) {
    ip.clear();
    port = 0;
  }
  [[nodiscard]] milliseconds left() const {
    return left_of(is_answering_ ? limits_.answer_time : limits_.request_time, watch_);
  }

  const socket_t socket_;
  const HttpServerLimits& limits_;
  Stopwatch watch_;
  size_t read_bytes_ = 0;
  bool is_answering_ = false;
  bool has_refused_ = false;
};

// A thread for each connection: a few threads would all wait for the slowest clients.
class ThreadForEach final : public httplib::TaskQueue {
 public:
  explicit ThreadForEach(size_t at_most) : at_most_(at_most) {}

  void enqueue(std::function<void()> task) override {
    {
      MutexLock lock(mutex_);
      ended_.wait(mutex_, [this]() REQUIRES(mutex_) { return running_ < at_most_; });
      ++running_;
    }
    try {
      std::thread([this, task] {
        task();
        leave();
      }).detach();
    } catch (const std::system_error&) {  // no further thread may be had: this one does it
      task();
      leave();
    }
  }

  void shutdown() override {
    MutexLock lock(mutex_);
    ended_.wait(mutex_, [this]() REQUIRES(mutex_) { return running_ == 0; });
  }

 private:
  void leave() {
    const MutexLock lock(mutex_);
    --running_;
    ended_.notify_all();  // with the lock held: after it this object may be gone
  }

  const size_t at_most_;
  Mutex mutex_;
  ConditionVariable ended_;
  size_t running_ GUARDED_BY(mutex_) = 0;
};

void refuse_strangers(const httplib::Request& request, httplib::Response& response) {
  response.status = 403;
  response.set_content("this is for the machine itself: ask for localhost or 127.0.0.1, not for \"" +
                           request.get_header_value("Host") + "\"\n",
                       "text/plain");
}

}  // namespace

bool is_loopback(const std::string& host) {
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  if (::inet_pton(AF_INET6, host.c_str(), &v6) != 1) return host == "localhost";
  return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

namespace {

std::string without_brackets(const std::string& host) {
  const bool has_them = host.size() > 2 && host.front() == '[' && host.back() == ']';
  return has_them ? host.substr(1, host.size() - 2) : host;
}

}  // namespace

std::string http_address(const std::string& host, int port) {
  const std::string plain = without_brackets(host);
  const bool is_v6 = plain.find(':') != std::string::npos;
  return "http://" + (is_v6 ? '[' + plain + ']' : plain) + ':' + std::to_string(port);
}

bool names_this_machine(const std::string& host_header) {
  std::string host = host_header;
  if (host.starts_with('[')) {
    const size_t end = host.find(']');
    if (end == std::string::npos || (end + 1 < host.size() && host[end + 1] != ':')) return false;
    host = host.substr(1, end - 1);
  } else {
    host = host.substr(0, host.find(':'));
  }
  return is_loopback(host);
}

// The library's server with its connections in view.
class LimitedHttpServer::Connections final : public httplib::Server {
 public:
  explicit Connections(const HttpServerLimits& limits);
  Result<int> begin(const std::string& host, int port);
  void end();

 private:
  struct Connection {
    Stopwatch since_begin;
    bool is_asking = true;
    bool is_leaving = false;  // cut off, and not gone yet
  };

  bool process_and_close_socket(socket_t socket) override;
  // False where there is no place for it.
  [[nodiscard]] bool enter(socket_t socket);
  void leave(socket_t socket);
  void set_asking(socket_t socket, bool asking);

  const HttpServerLimits limits_;
  std::thread thread_;
  Mutex mutex_;
  std::map<socket_t, Connection> open_ GUARDED_BY(mutex_);
  bool ending_ GUARDED_BY(mutex_) = false;
};

LimitedHttpServer::LimitedHttpServer(const HttpServerLimits& limits)
    : connections_(std::make_unique<Connections>(limits)) {}

LimitedHttpServer::~LimitedHttpServer() {
  end();
}

httplib::Server& LimitedHttpServer::routes() {
  return *connections_;
}

Result<int> LimitedHttpServer::start(const std::string& host, int port) {
  return connections_->begin(without_brackets(host), port);
}

void LimitedHttpServer::end() {
  connections_->end();
}

LimitedHttpServer::Connections::Connections(const HttpServerLimits& limits) : limits_(limits) {
  // Without the library's own choice, which lets two servers share a port unnoticed.
  set_socket_options([](socket_t socket) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  });
  set_payload_max_length(0);
  set_tcp_nodelay(true);
  // Twice as many: those that have been cut off still have to end.
  new_task_queue = [this] { return new ThreadForEach(2 * limits_.connections); };
}

Result<int> LimitedHttpServer::Connections::begin(const std::string& host, int port) {
  if (is_loopback(host)) {
    set_pre_routing_handler([](const httplib::Request& request, httplib::Response& response) {
      // HTTP/1.0 need not name a host; browsers, which could be misled, speak 1.1, which must.
      const bool is_named = request.has_header("Host");
      if (is_named ? names_this_machine(request.get_header_value("Host")) : request.version == "HTTP/1.0")
        return HandlerResponse::Unhandled;
      refuse_strangers(request, response);
      return HandlerResponse::Handled;
    });
  }
  errno = 0;
  const int bound = port == 0 ? bind_to_any_port(host) : bind_to_port(host, port) ? port : -1;
  if (bound < 0) return fatal_error(errno != 0 ? std::generic_category().message(errno) : "no such address");
  // The library lets five wait to be accepted: a burst of connections would keep all others out for seconds.
  ::listen(svr_sock_, SOMAXCONN);
  thread_ = std::thread([this] { listen_after_bind(); });
  // Before that a stop() would not be heard.
  while (!is_running()) std::this_thread::yield();
  return bound;
}

void LimitedHttpServer::Connections::end() {
  if (!thread_.joinable()) return;
  {
    const MutexLock lock(mutex_);
    ending_ = true;
    for (const auto& [socket, connection] : open_) ::shutdown(socket, SHUT_RDWR);
  }
  stop();
  thread_.join();
}

bool LimitedHttpServer::Connections::enter(socket_t socket) {
  const MutexLock lock(mutex_);
  if (ending_) return false;
  if (open_.size() >= limits_.connections) {
    // Whoever has been asking for longest; where all are being answered, whoever has been for longest.
    const auto rank = [](const auto& entry) {
      const Connection& connection = entry.second;
      return std::tuple(!connection.is_leaving, connection.is_asking, connection.since_begin.seconds());
    };
    const auto oldest = std::ranges::max_element(open_, {}, rank);
    if (oldest->second.is_leaving) return false;
    ::shutdown(oldest->first, SHUT_RDWR);
    oldest->second.is_leaving = true;
  }
  open_.emplace(socket, Connection());
  return true;
}

void LimitedHttpServer::Connections::leave(socket_t socket) {
  const MutexLock lock(mutex_);
  open_.erase(socket);
}

void LimitedHttpServer::Connections::set_asking(socket_t socket, bool asking) {
  const MutexLock lock(mutex_);
  Connection& connection = open_.at(socket);
  connection.is_asking = asking;
  connection.since_begin = Stopwatch();
}

bool LimitedHttpServer::Connections::process_and_close_socket(socket_t socket) {
  const bool entered = enter(socket);
  if (entered) {
    LimitedStream stream(socket, limits_);
    bool goes_on = true;
    while (goes_on && stream.next_request()) {
      bool closed = false;
      // Called once the head has been read. Only what has no body has been read whole then.
      const auto begin_answer = [&](httplib::Request& request) {
        if (request.method == "GET" || request.method == "HEAD") set_asking(socket, false);
        // The library asks an answer for as much as a range says, however short the answer is.
        request.ranges.clear();
      };
      goes_on = process_request(stream, /*close_connection=*/false, closed, begin_answer) && !closed;
      set_asking(socket, true);
    }
    leave(socket);
  }
  ::shutdown(socket, SHUT_RDWR);
  ::close(socket);
  return entered;
}

}  // namespace templar
