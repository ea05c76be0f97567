#include "adapters/http/http_transfers.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <iterator>

#include "adapters/http/curl_session.h"
#include "adapters/http/http_client.h"
#include "base/threads/cancellation.h"
#include "base/utf8.h"

namespace templar {
namespace {

constexpr size_t kMaxRefusalBytes = 64 << 10;
constexpr size_t kMaxHeaders = 100;
constexpr size_t kMaxHeaderBytes = 4096;
// How soon a cancellation and a missing first byte are noticed.
constexpr std::chrono::milliseconds kTransferPoll{100};
constexpr size_t kMaxReservedBytes = size_t{64} << 20;

// What curl's callbacks share during a transfer.
struct Running {
  const TransferOptions& options;
  const Transfer& transfer;
  CURL* easy;
  TransferReply reply{};
  std::string refused{};            // why the address may not be connected to
  bool has_answer = false;          // its first byte has come
  curl_off_t request_sent_us = -1;  // when its last byte went, since the transfer's beginning
  bool is_silent = false;           // no first byte in time
  uint64_t body_bytes = 0;          // of a good answer, so far
  Status sunk{};                    // the sink's error
};

// "https://host:port" of an address.
std::string server_of(const std::string& url) {
  const size_t name = url.find("://");
  return url.substr(0, name == std::string::npos ? name : url.find('/', name + 3));
}

size_t take_header(const char* data, size_t, size_t size, void* user) {
  auto& running = *static_cast<Running*>(user);
  running.has_answer = true;
  std::string_view line(data, size);
  // Another answer begins: those before it were "100 Continue" or a proxy's.
  if (line.starts_with("HTTP/")) running.reply.headers.clear();
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || running.reply.headers.size() >= kMaxHeaders) return size;
  std::string_view value = line.substr(colon + 1).substr(0, kMaxHeaderBytes);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && static_cast<unsigned char>(value.back()) <= ' ') value.remove_suffix(1);
  running.reply.headers.insert_or_assign(ascii_lower(line.substr(0, colon).substr(0, kMaxHeaderBytes)),
                                         std::string(value));
  return size;
}

// Status and size are known now. False: the answer is too large.
bool begin_content(Running& running) {
  TransferReply& reply = running.reply;
  long status = 0;
  curl_easy_getinfo(running.easy, CURLINFO_RESPONSE_CODE, &status);
  reply.status = static_cast<int>(status);
  if (!reply.is_good()) return true;
  const uint64_t announced = reply.content_length().value_or(0);
  if (announced > running.transfer.max_body_bytes) return false;
  // No more on a server's word than this; what comes then grows by itself.
  if (!running.transfer.sink) reply.body.reserve(std::min<size_t>(announced, kMaxReservedBytes));
  return true;
}

size_t take_content(const char* data, size_t, size_t size, void* user) {
  auto& running = *static_cast<Running*>(user);
  TransferReply& reply = running.reply;
  const ByteView piece(reinterpret_cast<const uint8_t*>(data), size);
  if (reply.status == 0 && !begin_content(running)) {
    reply.is_too_large = true;
    return 0;
  }
  if (!reply.is_good()) {
    const ByteView kept = piece.first(std::min(size, kMaxRefusalBytes - reply.body.size()));
    reply.body.insert(reply.body.end(), kept.begin(), kept.end());
    return size;
  }
  if (size > running.transfer.max_body_bytes - running.body_bytes) {
    reply.is_too_large = true;
    return 0;
  }
  running.body_bytes += size;
  if (!running.transfer.sink) {
    reply.body.insert(reply.body.end(), piece.begin(), piece.end());
    return size;
  }
  running.sunk = running.transfer.sink(reply, piece);
  return running.sunk ? size : 0;
}

// Ends the transfer if it is cancelled, or if the answer's first byte is too long in coming.
int watch_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t sent) {
  auto& running = *static_cast<Running*>(user);
  if (running.has_answer) return 0;
  curl_off_t now_us = 0;
  curl_off_t ready_us = 0;
  curl_easy_getinfo(running.easy, CURLINFO_TOTAL_TIME_T, &now_us);
  curl_easy_getinfo(running.easy, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
  const bool is_sent = ready_us > 0 && static_cast<uint64_t>(sent) >= running.transfer.body.size();
  if (!is_sent) return 0;
  if (running.request_sent_us < 0) running.request_sent_us = now_us;
  const curl_off_t patience_us = std::chrono::microseconds(running.options.limits.first_byte).count();
  running.is_silent = now_us - running.request_sent_us > patience_us;
  return running.is_silent ? 1 : 0;
}

curl_socket_t open_allowed_socket(void* user, curlsocktype, curl_sockaddr* address) {
  auto& running = *static_cast<Running*>(user);
  if (auto reason = running.options.refusal(address->addr)) {
    running.refused = std::move(*reason);
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

void set_addresses(CURL* easy, const TransferOptions& options, Running& running, const HeaderLines& known) {
  // Set in any case: what curl finds in the environment by itself is not asked.
  curl_easy_setopt(easy, CURLOPT_PROXY, options.refusal ? "" : options.proxy.c_str());
  curl_easy_setopt(easy, CURLOPT_NOPROXY, options.no_proxy.c_str());
  if (options.refusal) {
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_allowed_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &running);
  }
  if (known.get() != nullptr) curl_easy_setopt(easy, CURLOPT_RESOLVE, known.get());
}

void set_limits(CURL* easy, const TransferLimits& limits) {
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits.connect.count()));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(limits.whole.count()));
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(limits.stall_bytes_per_second));
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, static_cast<long>(limits.stall.count()));
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 512L << 10);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
}

void set_request(CURL* easy, const Transfer& transfer, const HeaderLines& headers) {
  curl_easy_setopt(easy, CURLOPT_URL, transfer.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);  // what was signed is what is sent
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
  if (transfer.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (transfer.method == "PUT" || transfer.method == "POST") {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(transfer.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer.body.empty() ? "" : as_text(transfer.body).data());
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, transfer.method.c_str());
  } else {
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, transfer.method.c_str());
  }
}

void set_callbacks(CURL* easy, Running& running) {
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &running);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_content);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &running);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, watch_progress);
  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, &running);
}

Result<TransferReply> reply_of(Running& running, const CurlSession& session, std::optional<CURLcode> result) {
  const std::string address = shown_address(running.transfer.url);
  if (!result) return retry_error(address + ": cancelled");
  if (!running.sunk) return std::unexpected(std::move(running.sunk).error());
  if (!running.refused.empty()) return skip_error(address + ": " + running.refused);
  if (running.is_silent) {
    return retry_error(
        fmt::format("{}: no answer within {} ms", address, running.options.limits.first_byte.count()));
  }
  if (*result != CURLE_OK && !running.reply.is_too_large) {
    std::string message = address + ": " + session.description(*result);
    if (tells_of_certificates(*result))
      return fatal_error(message + "; give the file of the certificates that signed the server's");
    return tells_of_the_request(*result) ? fatal_error(std::move(message)) : retry_error(std::move(message));
  }
  long status = 0;
  curl_easy_getinfo(running.easy, CURLINFO_RESPONSE_CODE, &status);
  running.reply.status = static_cast<int>(status);
  return std::move(running.reply);
}

}  // namespace

std::string TransferReply::header(std::string_view name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

std::optional<uint64_t> TransferReply::content_length() const {
  const std::string text = header("content-length");
  uint64_t length = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return length;
}

KeptConnections::KeptConnections(size_t most) : most_(most) {}
KeptConnections::~KeptConnections() = default;

std::unique_ptr<CurlSession> KeptConnections::take(const std::string& server) {
  const MutexLock lock(mutex_);
  auto found =
      std::find_if(idle_.rbegin(), idle_.rend(), [&](const Idle& idle) { return idle.server == server; });
  if (found == idle_.rend()) {
    if (idle_.empty() || made_ < most_) {
      ++made_;
      return std::make_unique<CurlSession>();
    }
    found = idle_.rend() - 1;  // the one that was not used for longest
  }
  std::unique_ptr<CurlSession> session = std::move(found->session);
  idle_.erase(std::next(found).base());
  return session;
}

void KeptConnections::give_back(std::unique_ptr<CurlSession> session, const std::string& server) {
  const MutexLock lock(mutex_);
  if (made_ <= most_) {
    idle_.push_back({std::move(session), server});
  } else {
    --made_;
  }
}

HttpTransfers::HttpTransfers(TransferOptions options)
    : options_(std::move(options)),
      connections_(options_.connections ? options_.connections : std::make_shared<KeptConnections>()) {}

Result<TransferReply> HttpTransfers::perform(const Transfer& transfer) {
  HeaderLines headers;
  for (const auto& header : transfer.headers) {
    if (!is_sendable(header)) {
      return fatal_error(fmt::format("{}: the value for the header {} has a line break",
                                     shown_address(transfer.url), header.first));
    }
    headers.add(header.first + ": " + header.second);
  }
  headers.add("Expect:");        // no waiting for a 100 before the body
  headers.add("Content-Type:");  // curl's own would say that the body is a form
  HeaderLines known;
  for (const std::string& host : options_.known_hosts) known.add(host);

  const std::string server = server_of(transfer.url);
  std::unique_ptr<CurlSession> session = connections_->take(server);
  session->reset();
  Running running{.options = options_, .transfer = transfer, .easy = session->easy()};
  set_limits(running.easy, options_.limits);
  set_request(running.easy, transfer, headers);
  set_addresses(running.easy, options_, running, known);
  set_callbacks(running.easy, running);
  if (!options_.ca_file.empty()) curl_easy_setopt(running.easy, CURLOPT_CAINFO, options_.ca_file.c_str());
  const auto is_cancelled = [&] {
    if (transfer.even_if_cancelled) return false;
    return is_thread_cancelled() || (options_.is_cancelled && options_.is_cancelled());
  };
  const std::optional<CURLcode> result = session->perform(is_cancelled, kTransferPoll);
  Result<TransferReply> reply = reply_of(running, *session, result);
  connections_->give_back(std::move(session), server);
  return reply;
}

}  // namespace templar
