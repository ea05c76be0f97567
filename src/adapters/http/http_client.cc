#include "adapters/http/http_client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <ctime>

#include "adapters/http/gzip.h"
#include "base/check.h"

namespace templar {
namespace {

constexpr size_t kMaxResponseBytes = 64 << 10;
constexpr int kPollMs = 1000;  // cancel() wakes it before

void start_curl() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  CHECK(started == CURLE_OK);
}

// A peer that closes its end must not kill the process: OpenSSL writes without asking for silence. Only this
// thread is shielded.
class NoBrokenPipe {
 public:
  NoBrokenPipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  NoBrokenPipe(const NoBrokenPipe&) = delete;
  NoBrokenPipe& operator=(const NoBrokenPipe&) = delete;
  ~NoBrokenPipe() {
    const timespec at_once{};
    if (!was_pending_) sigtimedwait(&pipe_, nullptr, &at_once);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_{};
  sigset_t before_{};
  bool was_pending_ = false;
};

size_t take_body(const char* data, size_t, size_t size, void* response) {
  std::string& body = static_cast<HttpResponse*>(response)->body;
  // What is above the bound is thrown away but counted as taken: curl would end the transfer otherwise, and
  // the status would be lost.
  body.append(data, std::min(size, kMaxResponseBytes - body.size()));
  return size;
}

bool tells_of_certificates(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
         code == CURLE_SSL_ISSUER_ERROR;
}

bool tells_of_the_request(CURLcode code) {
  return code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
         code == CURLE_BAD_FUNCTION_ARGUMENT;
}

// curl's own words name host and port, never what was sent. Where they tell how long it took, each failure
// would read as another one, to those who tell each only once: the code's words say the same.
const char* description(CURLcode code, const char* detail) {
  const bool tells_a_time = code == CURLE_COULDNT_CONNECT || code == CURLE_OPERATION_TIMEDOUT;
  return tells_a_time || detail[0] == '\0' ? curl_easy_strerror(code) : detail;
}

// A line break would smuggle in a header of somebody else's choice.
bool is_sendable(const std::pair<std::string, std::string>& header) {
  return (header.first + header.second).find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
}

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Headers = std::unique_ptr<curl_slist, FreeList>;

void add(Headers& headers, const std::string& line) {
  curl_slist* longer = curl_slist_append(headers.get(), line.c_str());
  CHECK(longer != nullptr);
  static_cast<void>(headers.release());
  headers.reset(longer);
}

}  // namespace

struct HttpClient::Curl {
  Curl() {
    start_curl();
    multi = curl_multi_init();
    easy = curl_easy_init();
    CHECK(multi != nullptr && easy != nullptr);
  }
  Curl(const Curl&) = delete;
  Curl& operator=(const Curl&) = delete;
  ~Curl() {
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
  }

  // Everything but body and headers.
  void prepare(const HttpPost& request, const HttpClientOptions& options, HttpResponse& response) {
    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);  // a resolver that hangs holds up nobody's end
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout.count()));
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &response);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "templar");
    if (!options.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, options.ca_file.c_str());
    if (request.user.empty()) return;
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(easy, CURLOPT_USERNAME, request.user.c_str());
    curl_easy_setopt(easy, CURLOPT_PASSWORD, request.password.c_str());
  }

  // The transfer's result, or nothing where it was cancelled.
  std::optional<CURLcode> perform(const std::atomic<bool>& cancelled) {
    const NoBrokenPipe no_broken_pipe;
    error[0] = '\0';
    CHECK(curl_multi_add_handle(multi, easy) == CURLM_OK);
    std::optional<CURLcode> result;
    while (!cancelled) {
      int running = 0;
      if (curl_multi_perform(multi, &running) != CURLM_OK) {
        result = CURLE_RECV_ERROR;
        break;
      }
      if (running == 0) {
        int left = 0;
        const CURLMsg* message = curl_multi_info_read(multi, &left);
        result = message != nullptr ? message->data.result : CURLE_RECV_ERROR;
        break;
      }
      curl_multi_poll(multi, nullptr, 0, kPollMs, nullptr);
    }
    curl_multi_remove_handle(multi, easy);
    return result;
  }

  CURLM* multi;
  CURL* easy;
  char error[CURL_ERROR_SIZE] = {};
};

HttpClient::HttpClient(HttpClientOptions options)
    : options_(std::move(options)), curl_(std::make_unique<Curl>()) {}
HttpClient::~HttpClient() = default;

void HttpClient::cancel() {
  cancelled_ = true;
  curl_multi_wakeup(curl_->multi);
}

Result<HttpResponse> HttpClient::post(const HttpPost& request) {
  const std::string address = shown_address(request.url);
  Headers headers;
  for (const auto& header : request.headers) {
    if (!is_sendable(header))
      return fatal_error(
          fmt::format("{}: the value for the header {} has a line break", address, header.first));
    add(headers, header.first + ": " + header.second);
  }
  // curl's own default would say that the body is a form.
  const bool typed = std::ranges::any_of(request.headers, [](const auto& header) {
    return curl_strequal(header.first.c_str(), "Content-Type") != 0;
  });
  if (!typed) add(headers, "Content-Type: application/octet-stream");
  if (request.gzip) add(headers, "Content-Encoding: gzip");
  add(headers, "Expect:");  // no waiting for a 100 before the body
  const Bytes compressed = request.gzip ? gzip(request.body) : Bytes();
  const std::string_view body = request.gzip ? as_text(compressed) : std::string_view(request.body);

  HttpResponse response;
  curl_->prepare(request, options_, response);
  curl_easy_setopt(curl_->easy, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl_->easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(curl_->easy, CURLOPT_POSTFIELDS, body.data());
  const std::optional<CURLcode> result = curl_->perform(cancelled_);
  if (!result) return retry_error(address + ": cancelled");
  if (*result != CURLE_OK) {
    std::string message = fmt::format("{}: {}", address, description(*result, curl_->error));
    if (tells_of_certificates(*result))
      return fatal_error(message + "; give the file of the certificates that signed the server's");
    return tells_of_the_request(*result) ? fatal_error(std::move(message)) : retry_error(std::move(message));
  }
  long status = 0;
  curl_easy_getinfo(curl_->easy, CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  curl_off_t retry_after = 0;
  curl_easy_getinfo(curl_->easy, CURLINFO_RETRY_AFTER, &retry_after);
  if (retry_after > 0) response.retry_after = std::chrono::seconds(retry_after);
  return response;
}

std::string shown_address(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const size_t scheme = url.find("://");
  const size_t host = scheme == std::string_view::npos ? 0 : scheme + 3;
  // Rather a path cut short than a part of a password with a slash.
  const size_t sign = url.rfind('@');
  const size_t shown = sign == std::string_view::npos || sign < host ? host : sign + 1;
  return std::string(url.substr(0, host)) + std::string(url.substr(shown));
}

}  // namespace templar
