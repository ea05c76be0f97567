#include "support/scripted_http_server.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <sstream>

#include "base/check.h"

namespace templar::testing {
namespace {

// Reads until the buffer holds that many bytes; false at the connection's end.
bool fill(int connection, std::string& buffer, size_t size) {
  char piece[16384];
  while (buffer.size() < size) {
    const ssize_t read = ::recv(connection, piece, sizeof(piece), 0);
    if (read <= 0) return false;
    buffer.append(piece, static_cast<size_t>(read));
  }
  return true;
}

std::optional<HttpRequest> read_request(int connection, std::string& buffer) {
  size_t end = 0;
  while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
    if (!fill(connection, buffer, buffer.size() + 1)) return std::nullopt;
  }
  HttpRequest request;
  std::istringstream head(buffer.substr(0, end));
  std::string method;
  std::string line;
  head >> method >> request.target;
  std::getline(head, line);
  while (std::getline(head, line)) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::string name = line.substr(0, colon);
    std::ranges::transform(name, name.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const size_t value = line.find_first_not_of(' ', colon + 1);
    std::string text = value == std::string::npos ? "" : line.substr(value);
    if (text.ends_with('\r')) text.pop_back();
    request.headers[name] = text;
  }
  const auto length = request.headers.find("content-length");
  const size_t size = length == request.headers.end() ? 0 : std::stoul(length->second);
  if (!fill(connection, buffer, end + 4 + size)) return std::nullopt;
  request.body = buffer.substr(end + 4, size);
  buffer.erase(0, end + 4 + size);
  return request;
}

}  // namespace

ScriptedHttpServer::ScriptedHttpServer(std::function<HttpAnswer(const HttpRequest&)> answer)
    : answer_(std::move(answer)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof(address);
  CHECK(listener_ >= 0 && ::bind(listener_, any, size) == 0 && ::listen(listener_, 16) == 0);
  CHECK(::getsockname(listener_, any, &size) == 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

ScriptedHttpServer::~ScriptedHttpServer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    if (connection_ >= 0) ::shutdown(connection_, SHUT_RDWR);
  }
  thread_.join();
  ::close(listener_);
}

std::vector<HttpRequest> ScriptedHttpServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void ScriptedHttpServer::run() {
  for (;;) {
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) return;
    bool stopping = false;
    {
      const std::lock_guard lock(mutex_);
      connection_ = connection;
      stopping = stopping_;
    }
    if (!stopping) serve(connection);
    const std::lock_guard lock(mutex_);
    connection_ = -1;
    ::close(connection);
  }
}

void ScriptedHttpServer::serve(int connection) {
  std::string buffer;
  while (auto request = read_request(connection, buffer)) {
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(*request);
    }
    const HttpAnswer answer = answer_(*request);
    std::string text = fmt::format("HTTP/1.1 {} .\r\n", answer.status);
    if (answer.status != 204) text += fmt::format("Content-Length: {}\r\n", answer.body.size());
    for (const auto& [name, value] : answer.headers) text += fmt::format("{}: {}\r\n", name, value);
    text += "\r\n" + answer.body;
    if (::send(connection, text.data(), text.size(), MSG_NOSIGNAL) < 0) return;
  }
}

}  // namespace templar::testing
