#include "adapters/influx/influx_client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace templar {
namespace {

constexpr size_t kMaxBody = 64 << 10;

size_t take_body(char* data, size_t size, size_t count, void* body_pointer) {
  auto& body = *static_cast<std::string*>(body_pointer);
  body.append(data, std::min(size * count, kMaxBody - std::min(kMaxBody, body.size())));
  return size * count;
}

int stop_if_cancelled(void* cancelled, curl_off_t /*dltotal*/, curl_off_t /*dlnow*/, curl_off_t /*ultotal*/,
                      curl_off_t /*ulnow*/) {
  return static_cast<const std::atomic<bool>*>(cancelled)->load() ? 1 : 0;
}

std::string advice(CURLcode code, const std::string& detail) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return "the host's name is unknown: check the url, or the machine's name server";
    case CURLE_COULDNT_CONNECT:
      return "nobody answers there: is the server running, and is the port right?";
    case CURLE_OPERATION_TIMEDOUT:
      return detail.starts_with("Resolving") ? advice(CURLE_COULDNT_RESOLVE_HOST, detail)
                                             : "it did not answer in time";
    case CURLE_PEER_FAILED_VERIFICATION:
      return "its certificate is not trusted: give the file of its authority as ca_file (" + detail + ")";
    case CURLE_SSL_CACERT_BADFILE:
      return "ca_file can't be read: " + detail;
    case CURLE_SSL_CONNECT_ERROR:
      return "no TLS there: is it http:// instead of https://? (" + detail + ")";
    case CURLE_ABORTED_BY_CALLBACK:
      return "the request was given up at the end";
    default:
      return detail;
  }
}

}  // namespace

struct InfluxClient::Handle {
  CURL* curl = nullptr;
  curl_slist* headers = nullptr;
  std::array<char, CURL_ERROR_SIZE> error{};
  std::string body;

  Handle() = default;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    curl_slist_free_all(headers);
    if (curl != nullptr) curl_easy_cleanup(curl);
  }
};

InfluxClient::InfluxClient(const InfluxConfig& config, std::unique_ptr<Handle> handle)
    : config_(config), address_(write_address(config)), handle_(std::move(handle)) {
  CURL* curl = handle_->curl;
  for (const char* header : {"Content-Encoding: gzip", "Content-Type: text/plain; charset=utf-8", "Expect:"})
    handle_->headers = curl_slist_append(handle_->headers, header);
  if (effective_version(config_) == InfluxVersion::k2) {
    handle_->headers = curl_slist_append(handle_->headers, ("Authorization: Token " + config_.token).c_str());
  } else if (!config_.user.empty()) {
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(curl, CURLOPT_USERNAME, config_.user.c_str());
    curl_easy_setopt(curl, CURLOPT_PASSWORD, config_.password.c_str());
  }
  curl_easy_setopt(curl, CURLOPT_URL, address_.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, handle_->headers);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(curl, CURLOPT_POST, 1L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "templar");
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(config_.connect_timeout.count()));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(config_.request_timeout.count()));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &handle_->body);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, handle_->error.data());
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, stop_if_cancelled);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &cancelled_);
  if (!config_.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, config_.ca_file.c_str());
}

InfluxClient::~InfluxClient() = default;

Result<std::unique_ptr<InfluxClient>> InfluxClient::open(const InfluxConfig& config) {
  TRY(validate(config));
  static const CURLcode kStarted = curl_global_init(CURL_GLOBAL_DEFAULT);
  auto handle = std::make_unique<Handle>();
  handle->curl = kStarted == CURLE_OK ? curl_easy_init() : nullptr;
  if (handle->curl == nullptr) return fatal_error("InfluxDB: libcurl could not be started");
  return std::unique_ptr<InfluxClient>(new InfluxClient(config, std::move(handle)));
}

WriteAnswer InfluxClient::write(ByteView packed_lines) {
  CURL* curl = handle_->curl;
  handle_->body.clear();
  handle_->error.front() = '\0';
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(packed_lines.size()));
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, packed_lines.data());
  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK) {
    const std::string detail =
        handle_->error.front() != '\0' ? handle_->error.data() : curl_easy_strerror(code);
    return {.outcome = WriteOutcome::kUnavailable,
            .message = without_secrets(fmt::format("InfluxDB at {}: {}", config_.url, advice(code, detail)))};
  }
  long status = 0;
  curl_off_t retry_after = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after);
  WriteAnswer answer = answer_of_status(status, handle_->body);
  answer.message = without_secrets(std::move(answer.message));
  answer.retry_after = std::chrono::seconds(retry_after);
  return answer;
}

WriteAnswer InfluxClient::answer_of_status(long status, const std::string& body) const {
  if (status >= 200 && status < 300) return {.outcome = WriteOutcome::kWritten};
  const bool is_v1 = effective_version(config_) == InfluxVersion::k1;
  const std::string said = server_message(body);
  const std::string what =
      fmt::format("InfluxDB at {}: HTTP {}{}{}", config_.url, status, said.empty() ? "" : ": ", said);
  const std::string place = is_v1 ? fmt::format("database '{}'", config_.database)
                                  : fmt::format("bucket '{}' of org '{}'", config_.bucket, config_.org);
  switch (status) {
    case 400:
    case 422: {
      const auto dropped = partial_write_dropped(said);
      return {.outcome = WriteOutcome::kRejected, .message = what, .rejected_lines = dropped.value_or(0)};
    }
    case 401:
      return {.outcome = WriteOutcome::kRefused,
              .message = what + (is_v1 ? ": check the user and the password" : ": check the token")};
    case 403:
      return {.outcome = WriteOutcome::kRefused,
              .message = fmt::format("{}: the {} may not write to {}: grant it", what,
                                     is_v1 ? "user" : "token", place)};
    case 404:
      return {.outcome = WriteOutcome::kRefused,
              .message = fmt::format("{}: is there a {}, and is the url right? Create it or name another",
                                     what, place)};
    case 413:
      return {.outcome = WriteOutcome::kTooLarge, .message = what};
    case 408:
    case 429:
      return {.outcome = WriteOutcome::kUnavailable, .message = what};
    default:
      if (status >= 500) return {.outcome = WriteOutcome::kUnavailable, .message = what};
      return {.outcome = WriteOutcome::kRefused,
              .message = what + ": is the url that of an InfluxDB server?"};
  }
}

std::string InfluxClient::without_secrets(std::string text) const {
  for (const std::string& secret : {config_.password, config_.token}) {
    if (secret.empty()) continue;
    for (size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 3))
      text.replace(at, secret.size(), "***");
  }
  return text;
}

}  // namespace templar
