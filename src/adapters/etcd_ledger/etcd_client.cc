#include "adapters/etcd_ledger/etcd_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/json/json.h"
#include "base/log/log.h"
#include "base/log/secrets.h"
#include "base/threads/cancellation.h"

namespace templar {
namespace {

using std::chrono::milliseconds;

// gRPC's codes, as etcd uses them.
constexpr int64_t kInvalidArgument = 3;
constexpr int64_t kPermissionDenied = 7;
constexpr int64_t kExhausted = 8;
constexpr int64_t kOutOfRange = 11;
constexpr int64_t kUnauthenticated = 16;
// Cancelled, unknown, deadline exceeded, exhausted, aborted, internal, unavailable, data lost on that server.
constexpr int64_t kPassing[] = {1, 2, 4, kExhausted, 10, 13, 14, 15};

bool refusal_says(const EtcdRefusal& refusal, std::string_view words) {
  return refusal.message.find(words) != std::string::npos;
}

// A no to the token, not to the user.
bool refuses_token(const TransferReply& reply, const EtcdRefusal& refusal) {
  return reply.status == 401 || refusal.code == kUnauthenticated ||
         refusal_says(refusal, "invalid auth token") ||
         refusal_says(refusal, "revision of auth store is old") ||
         refusal_says(refusal, "user name is empty");
}

bool passes_by_itself(const TransferReply& reply, const EtcdRefusal& refusal) {
  if (reply.status == 501) return false;
  return reply.status >= 500 || reply.status == 408 || reply.status == 429 ||
         std::ranges::find(kPassing, refusal.code) != std::end(kPassing);
}

std::string advice_on_passing(const EtcdRefusal& refusal) {
  if (refusal_says(refusal, "space exceeded"))
    return "its database is full: compact and defragment it, then `etcdctl alarm disarm`";
  if (refusal_says(refusal, "too many requests")) return "the cluster is asked too much";
  return "the cluster has no leader or no majority now, or this server is not of it any more";
}

std::string advice_on_no(const TransferReply& reply, const EtcdRefusal& refusal, const std::string& user) {
  if (refusal_says(refusal, "HTTP request to an HTTPS server")) return "write https:// into the address";
  if (refusal.code == kPermissionDenied || reply.status == 403) {
    return fmt::format("the user {} may not do this: grant a role of it that (docs/operations.md says which)",
                       user.empty() ? "(none)" : user);
  }
  if (refusal_says(refusal, "user name is empty") || (user.empty() && reply.status == 401))
    return "the cluster asks for a user: write user=NAME into the address, and give the password";
  if (refuses_token(reply, refusal))
    return "a new token is not taken either: do all servers share one cluster?";
  if (reply.status == 404 || reply.status == 405 || reply.status == 501 || reply.status < 400)
    return "is it the client address of an etcd, 3.4 or later, with its JSON gateway?";
  return "that is no answer that this program knows what to do about";
}

std::string shown_refusal(const TransferReply& reply, const EtcdRefusal& refusal) {
  return fmt::format("HTTP {}{}{}", reply.status, refusal.message.empty() ? "" : " ", refusal.message);
}

}  // namespace

TransferOptions EtcdClientOptions::default_transfers() {
  return {.limits = {.connect = milliseconds(2000),
                     .first_byte = milliseconds(4000),
                     .whole = milliseconds(10'000)}};
}

EtcdClient::EtcdClient(EtcdClientOptions options)
    : options_(std::move(options)), transfers_(options_.transfers) {}

bool EtcdClient::is_cancelled() const {
  return is_thread_cancelled() || (options_.transfers.is_cancelled && options_.transfers.is_cancelled());
}

Result<TransferReply> EtcdClient::post(const std::string& endpoint, const EtcdRequest& request,
                                       const std::string& token) const {
  Transfer transfer{.method = "POST",
                    .url = endpoint + request.path,
                    .headers = {{"content-type", "application/json"}},
                    .body = as_bytes(request.body),
                    .max_body_bytes = request.sink ? UINT64_MAX : kMaxEtcdAnswerBytes,
                    .sink = request.sink};
  if (!token.empty()) transfer.headers.emplace_back("authorization", token);
  auto reply = transfers_.perform(transfer);
  if (!reply && reply.error().kind == ErrorKind::kFatal)
    reply.error().message += " (for the ledger: ca-file=FILE in its address)";
  // What a server with a certificate does with who speaks without one.
  if (!reply && endpoint.starts_with("http://") && reply.error().message.ends_with("Empty reply from server"))
    reply.error().message += " (does it want https:// in the address?)";
  if (!reply && reply.error().message.ends_with("connect to server"))
    reply.error().message += " (does etcd run there, and may this machine reach it?)";
  return reply;
}

Result<EtcdClient::Token> EtcdClient::authenticate(const std::string& endpoint) const {
  TRY_ASSIGN(const std::string password, options_.password());
  const EtcdRequest request{.path = "/v3/auth/authenticate",
                            .body = to_text(JsonObject{{"name", options_.user}, {"password", password}}),
                            .what = "authentication of the user " + options_.user};
  TRY_ASSIGN(const TransferReply reply, post(endpoint, request, ""));
  const TimestampMs now_ms = options_.clock->now_ms();
  if (reply.is_good() && !reply.is_too_large) {
    TRY_ASSIGN(const std::string text, parse_etcd_token(as_text(reply.body)));
    const auto end_ms = end_of_etcd_token(text);
    // A fifth of its life before its end. One that has ended already by this machine's clock tells that the
    // clock is wrong: the server will say when it takes it no more.
    if (!end_ms || *end_ms <= now_ms) return Token{.text = text, .renew_at_ms = std::nullopt};
    return Token{.text = text, .renew_at_ms = *end_ms - (*end_ms - now_ms) / 5};
  }
  const EtcdRefusal refusal = parse_etcd_refusal(as_text(reply.body));
  const std::string said = fmt::format("{}: {}", endpoint, shown_refusal(reply, refusal));
  if (refusal_says(refusal, "authentication is not enabled")) {
    if (!said_no_users_.exchange(true)) {
      log(LogLevel::kWarning, "ledger", "the cluster asks nobody who he is: the user is not looked at",
          {{"server", endpoint}, {"user", options_.user}});
    }
    return Token();
  }
  if (refusal_says(refusal, "authentication failed")) {
    return fatal_error(
        fmt::format("{}: there is no user {}, or its password is another one", said, options_.user));
  }
  if (passes_by_itself(reply, refusal))
    return retry_error(fmt::format("{}: {}", said, advice_on_passing(refusal)));
  return fatal_error(fmt::format("{}: {}", said, advice_on_no(reply, refusal, options_.user)));
}

Result<std::string> EtcdClient::token_at(const std::string& endpoint) const {
  if (options_.user.empty()) return "";
  // Held meanwhile: one token is enough for all threads, and costs the server a tenth of a second.
  const MutexLock lock(token_mutex_);
  const bool is_due = !token_ || (token_->renew_at_ms && options_.clock->now_ms() >= *token_->renew_at_ms);
  if (is_due) {
    auto fresh = authenticate(endpoint);
    // The one that we have may last a moment longer.
    if (!fresh && !token_) return std::unexpected(fresh.error());
    if (fresh) token_ = *std::move(fresh);
  }
  return token_->text;
}

void EtcdClient::forget(const std::string& token) const {
  const MutexLock lock(token_mutex_);
  if (token_ && token_->text == token) token_.reset();
}

void EtcdClient::forget_token() const {
  const MutexLock lock(token_mutex_);
  token_.reset();
}

EtcdClient::Attempt EtcdClient::attempt(const std::string& endpoint, const EtcdRequest& request) const {
  for (bool is_second = false;; is_second = true) {
    const auto token = token_at(endpoint);
    if (!token) return {std::unexpected(token.error()), token.error().kind == ErrorKind::kFatal};
    auto reply = post(endpoint, request, *token);
    if (!reply) return {std::unexpected(reply.error()), false};
    if (reply->is_too_large) return {EtcdReply{.is_too_large = true}, true};
    if (reply->is_good()) return {EtcdReply{.body = std::move(reply->body)}, true};
    const EtcdRefusal refusal = parse_etcd_refusal(as_text(reply->body));
    const std::string said = fmt::format("{}: {}", endpoint, shown_refusal(*reply, refusal));
    if (refusal.code == kOutOfRange && refusal_says(refusal, "compacted"))
      return {EtcdReply{.is_compacted = true}, true};
    if (refuses_token(*reply, refusal) && !options_.user.empty() && !is_second) {
      forget(*token);
      continue;
    }
    if (passes_by_itself(*reply, refusal))
      return {retry_error(fmt::format("{}: {}", said, advice_on_passing(refusal))), false};
    return {fatal_error(fmt::format("{}: {}", said, advice_on_no(*reply, refusal, options_.user))), true};
  }
}

Result<EtcdReply> EtcdClient::send(const EtcdRequest& request) const {
  BackOff back_off(options_.retry);
  const size_t endpoints = options_.endpoints.size();
  for (;;) {
    std::optional<Error> failure;
    for (size_t i = 0; i < endpoints; ++i) {
      const size_t at = current_;
      Attempt made = attempt(options_.endpoints[at], request);
      if (made.reply) return std::move(made.reply);
      Error error = std::move(made.reply).error();
      error.message = redact("ledger: " + request.what + ": " + error.message);
      if (made.is_final) return std::unexpected(std::move(error));
      size_t expected = at;  // another thread may have gone on already
      current_.compare_exchange_strong(expected, (at + 1) % endpoints);
      // One that may do it later counts for more than one that never will.
      if (!failure || failure->kind == ErrorKind::kFatal) failure = std::move(error);
      if (request.is_write || is_cancelled()) return std::unexpected(*std::move(failure));
    }
    if (failure->kind == ErrorKind::kFatal || back_off.exhausted())
      return std::unexpected(*std::move(failure));
    const milliseconds pause = back_off.next_pause();
    if (!gate_.pause(pause, RequestGate::Pause::kThisThread, [this] { return is_cancelled(); }))
      return std::unexpected(*std::move(failure));
  }
}

}  // namespace templar
