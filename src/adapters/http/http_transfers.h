// Requests of every kind to one server, from any number of threads, by kept connections (libcurl).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/threads/mutex.h"

struct sockaddr;

namespace templar {

class CurlSession;

// Handles with connections that were kept, each for a transfer at a time. Thread-safe.
class KeptConnections {
 public:
  // most: so many handles are kept, each with two connections at most, however many servers are spoken to.
  // More transfers at once make handles that go when they end.
  explicit KeptConnections(size_t most = 32);
  KeptConnections(const KeptConnections&) = delete;
  KeptConnections& operator=(const KeptConnections&) = delete;
  ~KeptConnections();

  // One that spoke to that server last, if there is one; else another one, or a new one.
  [[nodiscard]] std::unique_ptr<CurlSession> take(const std::string& server);
  void give_back(std::unique_ptr<CurlSession> session, const std::string& server);

 private:
  struct Idle {
    std::unique_ptr<CurlSession> session;
    std::string server;  // that it spoke to last
  };

  const size_t most_;
  Mutex mutex_;
  std::vector<Idle> idle_ GUARDED_BY(mutex_);  // given back last at the end
  size_t made_ GUARDED_BY(mutex_) = 0;         // so many are idle or taken
};

struct TransferLimits {
  std::chrono::milliseconds connect{10'000};     // names, TCP and TLS
  std::chrono::milliseconds first_byte{60'000};  // of the answer, after the request's last
  // Given up where it moves fewer bytes a second than this on average, for as long as that.
  int64_t stall_bytes_per_second = 1024;
  std::chrono::seconds stall{30};
  std::chrono::milliseconds whole{30 * 60'000};
};

struct TransferOptions {
  TransferLimits limits;
  std::filesystem::path ca_file;  // certificates that servers are checked against; empty: the system's
  std::string proxy;              // "http://host:port"; empty: none
  std::string no_proxy;           // hosts that are spoken to without it, separated by commas
  // Asked again and again during a transfer, as is_thread_cancelled(); true ends it. Empty: never.
  std::function<bool()> is_cancelled;
  // Why nobody may connect to that address; nullopt: he may. Asked of the very address that is connected to,
  // after all names are resolved, so that no answer of a name server gets round it; with it there is no
  // proxy.
  std::function<std::optional<std::string>(const sockaddr& address)> refusal;
  std::vector<std::string> known_hosts;  // "host:port:address": names that no name server is asked for
  // To be shared by those alone who have the same refusal: a connection that is kept is not judged again.
  // nullptr: its own.
  std::shared_ptr<KeptConnections> connections;
};

struct TransferReply {
  int status = 0;
  // Names in lower case; of two with one name the last.
  std::map<std::string, std::string, std::less<>> headers;
  // Of a good answer without a sink all of it; of another one its first 64 KiB.
  Bytes body;
  // A good answer had more than max_body_bytes: the transfer was ended, and body is not all of it.
  bool is_too_large = false;

  [[nodiscard]] bool is_good() const { return status >= 200 && status < 300; }
  // Empty if there is none.
  [[nodiscard]] std::string header(std::string_view name) const;
  // What Content-Length says.
  [[nodiscard]] std::optional<uint64_t> content_length() const;
};

// Takes a good answer's body piece by piece; status and headers are known. Its error ends the transfer.
using BodySink = std::function<Status(const TransferReply& reply, ByteView piece)>;

struct Transfer {
  std::string method;  // GET, HEAD, PUT, POST, DELETE
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  ByteView body;                      // sent with PUT and POST; must live until the end
  uint64_t max_body_bytes = 1 << 20;  // of a good answer (200 to 299)
  bool even_if_cancelled = false;     // what tidies up is sent all the same
  // Gets the body in TransferReply::body's place; its error is what perform returns. Empty: it is collected.
  BodySink sink{};
};

// Thread-safe.
class HttpTransfers {
 public:
  explicit HttpTransfers(TransferOptions options);
  HttpTransfers(const HttpTransfers&) = delete;
  HttpTransfers& operator=(const HttpTransfers&) = delete;

  // The server's whole answer, whatever its status: redirections are not followed. Fails (retry) where there
  // was none or it broke off: unknown host, refused, timed out, cancelled; (skip) where the address may not
  // be connected to; (fatal) where the request can't be sent or the certificate can't be trusted. Messages
  // name the address without user, password or query.
  [[nodiscard]] Result<TransferReply> perform(const Transfer& transfer);

 private:
  const TransferOptions options_;
  const std::shared_ptr<KeptConnections> connections_;
};

}  // namespace templar
