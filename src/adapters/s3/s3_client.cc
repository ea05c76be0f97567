#include "adapters/s3/s3_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "adapters/s3/s3_answer.h"
#include "adapters/s3/utc_time.h"
#include "base/log/log.h"
#include "base/log/secrets.h"
#include "base/sha256.h"
#include "base/threads/cancellation.h"

namespace templar {
namespace {

using std::chrono::milliseconds;

// Servers allow 15 minutes; a clock that is off by less has not been the reason.
constexpr int64_t kClockIsWrongMs = 4 * 60'000;
constexpr milliseconds kLongestAskedPause = std::chrono::seconds(60);

bool may_pass(const TransferReply& reply, const std::string& code) {
  switch (reply.status) {
    case 408:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
      return true;
    case 400:  // what arrived is not what was sent
      return code == "RequestTimeout" || code == "IncompleteBody" || code == "BadDigest" ||
             code == "XAmzContentSHA256Mismatch";
    case 409:
      return code == "OperationAborted" || code == "ConditionalRequestConflict";
    default:
      return false;
  }
}

milliseconds asked_pause(const TransferReply& reply) {
  const std::string text = reply.header("retry-after");
  int64_t seconds = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (failure != std::errc() || end != text.data() + text.size() || seconds < 0) return milliseconds(0);
  return std::min<milliseconds>(std::chrono::seconds(std::min<int64_t>(seconds, 3600)), kLongestAskedPause);
}

bool tells_of_keys(const std::string& code) {
  return code == "InvalidAccessKeyId" || code == "ExpiredToken" || code == "InvalidToken" ||
         code == "TokenRefreshRequired" || code == "SignatureDoesNotMatch";
}

std::string advice(const TransferReply& reply, const std::string& code, bool is_signed) {
  if (code == "RequestTimeTooSkewed") return "this machine's clock is wrong: set it";
  if (code == "InvalidAccessKeyId" || code == "SignatureDoesNotMatch" || reply.status == 401)
    return "the server does not know these keys, or the secret is not theirs: check them and the region";
  if (code == "ExpiredToken" || code == "TokenRefreshRequired") return "the keys have ended: get new ones";
  if (reply.status == 403) {
    return is_signed
               ? "the keys are not allowed to do this: check the bucket's policy and whose the bucket is"
               : "it is not public: give keys, or make it readable for everybody";
  }
  if (code == "NoSuchUpload") return "somebody has ended this upload in parts: try again";
  if (code == "NoSuchBucket") return "there is no such bucket: make it, or correct its name or endpoint";
  if (code == "AuthorizationHeaderMalformed" || (reply.status >= 300 && reply.status < 400))
    return "the bucket is somewhere else: check endpoint and region of the address";
  if (reply.status == 501) return "the server can't do this";
  return "is the endpoint that of an S3 server?";
}

}  // namespace

S3Client::S3Client(S3ClientOptions options, const Clock& clock)
    : options_(std::move(options)), clock_(clock), transfers_(options_.transfers) {}

std::string S3Client::host_of(const S3Request& request) const {
  const S3Endpoint& endpoint = options_.endpoint;
  const uint16_t own_port = endpoint.is_https ? 443 : 80;
  std::string host = endpoint.host;
  if (options_.style == BucketStyle::kVirtualHost) host = request.bucket + "." + host;
  return endpoint.port == 0 || endpoint.port == own_port ? host : fmt::format("{}:{}", host, endpoint.port);
}

std::string S3Client::path_of(const S3Request& request) const {
  const std::string key = percent_encoded(request.key, EncodedPart::kPath);
  if (options_.style == BucketStyle::kVirtualHost) return "/" + key;
  return "/" + request.bucket + (key.empty() ? "" : "/" + key);
}

std::string S3Client::what(const S3Request& request) const {
  return fmt::format("{} s3://{}{}{} at {}", request.method, request.bucket, request.key.empty() ? "" : "/",
                     request.key, options_.endpoint.text());
}

Result<S3Credentials> S3Client::keys_now() {
  if (options_.credentials == nullptr) return S3Credentials();
  return options_.credentials->current();
}

Result<TransferReply> S3Client::attempt(const S3Request& request, const S3Credentials& keys,
                                        const BodySink& sink) {
  const std::string host = host_of(request);
  const std::string path = path_of(request);
  const std::string query = encoded_query(request.query);
  Transfer transfer{.method = request.method,
                    .url = fmt::format("{}://{}{}{}{}", options_.endpoint.is_https ? "https" : "http", host,
                                       path, query.empty() ? "" : "?", query),
                    .headers = request.headers,
                    .body = request.body,
                    .max_body_bytes = request.max_body_bytes,
                    .even_if_cancelled = request.even_if_cancelled,
                    .sink = sink};
  if (keys.access_key.empty()) return transfers_.perform(transfer);
  const SigningScope scope{.time_ms = clock_.now_ms() + clock_offset_ms_, .region = options_.region};
  const std::string hash = request.body_hash.empty() ? sha256(request.body).hex() : request.body_hash;
  transfer.headers.emplace_back("x-amz-date", signing_time(scope.time_ms));
  transfer.headers.emplace_back("x-amz-content-sha256", hash);
  if (!keys.session_token.empty()) transfer.headers.emplace_back("x-amz-security-token", keys.session_token);
  RequestToSign to_sign{.method = request.method,
                        .path = path,
                        .query = request.query,
                        .headers = transfer.headers,
                        .payload_hash = hash};
  to_sign.headers.emplace_back("host", host);
  transfer.headers.emplace_back("authorization", authorization(to_sign, keys, scope));
  return transfers_.perform(transfer);
}

bool S3Client::has_mended(const TransferReply& reply, const S3Credentials& keys, Chances& chances) {
  if (reply.status != 401 && reply.status != 403 && reply.status != 400) return false;
  if (keys.access_key.empty()) return false;
  const auto server_ms = parse_http_date(reply.header("date"));
  const int64_t offset_ms = server_ms ? *server_ms - clock_.now_ms() : clock_offset_ms_.load();
  if (!chances.has_corrected_clock && std::abs(offset_ms - clock_offset_ms_) > kClockIsWrongMs) {
    chances.has_corrected_clock = true;
    clock_offset_ms_ = offset_ms;
    log(LogLevel::kWarning, "s3",
        "this machine's clock is not the server's: requests are signed by the server's",
        {{"ahead_s", offset_ms / 1000}, {"server", options_.endpoint.text()}});
    return true;
  }
  // An answer to HEAD has no code.
  const std::string code = parse_refusal(as_text(reply.body)).code;
  if (chances.has_changed_keys || (!code.empty() && !tells_of_keys(code))) return false;
  chances.has_changed_keys = true;
  if (!options_.credentials->refuse(keys)) return false;
  const auto others = options_.credentials->current();
  return others && *others != keys;
}

std::unexpected<Error> S3Client::refused(const S3Request& request, const TransferReply& reply) const {
  const S3Refusal refusal = parse_refusal(as_text(reply.body));
  std::string said = refusal.code;
  if (!refusal.message.empty()) said += (said.empty() ? "" : ": ") + refusal.message;
  // Somebody has aborted the upload in parts: whole, it may be taken.
  const ErrorKind kind = refusal.code == "NoSuchUpload" ? ErrorKind::kRetry : options_.refusal;
  return std::unexpected(Error{
      kind, redact(fmt::format("{}: HTTP {}{}{}: {}", what(request), reply.status, said.empty() ? "" : " ",
                               said, advice(reply, refusal.code, options_.credentials != nullptr)))});
}

bool S3Client::is_cancelled() const {
  return is_thread_cancelled() || (options_.transfers.is_cancelled && options_.transfers.is_cancelled());
}

bool S3Client::wait(milliseconds time) {
  return options_.gate->pause(time, RequestGate::Pause::kThisThread, [this] { return is_cancelled(); });
}

Result<TransferReply> S3Client::send(const S3Request& request) {
  const auto is_cancelled = [&] { return !request.even_if_cancelled && this->is_cancelled(); };
  bool has_handed_over = false;
  BodySink sink;
  if (request.sink) {
    sink = [&](const TransferReply& reply, ByteView piece) {
      has_handed_over = true;
      return request.sink(reply, piece);
    };
  }
  RetryRule rule = options_.retry;
  if (request.most_retries) rule.most_retries = request.most_retries;
  if (rule.jitter_seed) rule.jitter_seed = mix64(*rule.jitter_seed + requests_++);
  BackOff back_off(rule);
  Chances chances;
  while (true) {
    if (!options_.gate->enter(is_cancelled)) return retry_error(what(request) + ": cancelled");
    TRY_ASSIGN(const S3Credentials keys, keys_now());
    auto reply = attempt(request, keys, sink);
    std::string reason;
    milliseconds asked{0};
    RequestGate::Pause who = RequestGate::Pause::kThisThread;
    if (!reply) {
      Error error = reply.error();
      // A peer whose certificate has ended may get a new one; we are not at fault, so it must not end us.
      const bool is_peers_fault =
          error.kind == ErrorKind::kFatal && options_.refusal == ErrorKind::kSkip && !has_handed_over;
      if (is_peers_fault) error.kind = ErrorKind::kRetry;
      if (is_peers_fault || error.kind != ErrorKind::kRetry || has_handed_over)
        return annotate(std::move(error), what(request));
      reason = reply.error().message;
    } else {
      const bool writes = request.method == "PUT" || request.method == "POST";
      if (reply->is_good() || reply->status == 416 || reply->status == 412 ||
          (reply->status == 404 && !writes))
        return reply;
      if (has_mended(*reply, keys, chances)) continue;
      const S3Refusal refusal = parse_refusal(as_text(reply->body));
      const bool first_501 = reply->status == 501 && !chances.has_met_501;
      const bool is_welcome =
          std::ranges::find(request.welcome_refusals, refusal.code) != request.welcome_refusals.end();
      if (is_welcome && !first_501) return reply;
      if (!may_pass(*reply, refusal.code) && !first_501) return refused(request, *reply);
      chances.has_met_501 = chances.has_met_501 || first_501;
      reason = fmt::format("HTTP {} {}", reply->status, refusal.code);
      asked = asked_pause(*reply);
      if (reply->status == 503 || reply->status == 429) who = RequestGate::Pause::kAllThreads;
    }
    const bool is_last = back_off.exhausted();
    if (!is_last) {
      log(LogLevel::kDebug, "s3", "asking again", {{"request", what(request)}, {"reason", redact(reason)}});
      const milliseconds pause = std::max(back_off.next_pause(), asked);
      if (!options_.gate->pause(pause, who, is_cancelled)) return retry_error(what(request) + ": cancelled");
    }
    if (request.is_done) {
      const auto done = request.is_done();
      if (done && *done) return TransferReply{.status = 200};
    }
    if (is_last) {
      return retry_error(
          redact(fmt::format("{}: {} (given up after {} attempts): is the server there, and has it "
                             "room for more requests?",
                             what(request), reason, *rule.most_retries + 1)));
    }
  }
}

}  // namespace templar
