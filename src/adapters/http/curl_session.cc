#include "adapters/http/curl_session.h"

#include <csignal>
#include <ctime>

#include "base/check.h"

namespace templar {
namespace {

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

}  // namespace

CurlSession::CurlSession() {
  start_curl();
  multi_ = curl_multi_init();
  easy_ = curl_easy_init();
  CHECK(multi_ != nullptr && easy_ != nullptr);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, 2L);
}

CurlSession::~CurlSession() {
  const NoBrokenPipe no_broken_pipe;  // closing TLS writes
  curl_easy_cleanup(easy_);
  curl_multi_cleanup(multi_);
}

void CurlSession::reset() {
  curl_easy_reset(easy_);
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_QUICK_EXIT, 1L);  // a resolver that hangs holds up nobody's end
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_);
  curl_easy_setopt(easy_, CURLOPT_USERAGENT, "templar");
}

std::optional<CURLcode> CurlSession::perform(const std::function<bool()>& is_cancelled,
                                             std::chrono::milliseconds poll_interval) {
  const NoBrokenPipe no_broken_pipe;
  error_[0] = '\0';
  CHECK(curl_multi_add_handle(multi_, easy_) == CURLM_OK);
  std::optional<CURLcode> result;
  while (!is_cancelled()) {
    int running = 0;
    if (curl_multi_perform(multi_, &running) != CURLM_OK) {
      result = CURLE_RECV_ERROR;
      break;
    }
    if (running == 0) {
      int left = 0;
      const CURLMsg* message = curl_multi_info_read(multi_, &left);
      result = message != nullptr ? message->data.result : CURLE_RECV_ERROR;
      break;
    }
    curl_multi_poll(multi_, nullptr, 0, static_cast<int>(poll_interval.count()), nullptr);
  }
  curl_multi_remove_handle(multi_, easy_);
  return result;
}

std::string CurlSession::description(CURLcode code) const {
  // Where curl tells how long it took, each failure would read as another one, to those who tell each only
  // once: the code's words say the same.
  const bool tells_a_time = code == CURLE_COULDNT_CONNECT || code == CURLE_OPERATION_TIMEDOUT;
  return tells_a_time || error_[0] == '\0' ? curl_easy_strerror(code) : error_;
}

void HeaderLines::add(const std::string& line) {
  curl_slist* longer = curl_slist_append(list_.get(), line.c_str());
  CHECK(longer != nullptr);
  static_cast<void>(list_.release());
  list_.reset(longer);
}

bool is_sendable(const std::pair<std::string, std::string>& header) {
  return (header.first + header.second).find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
}

bool tells_of_certificates(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
         code == CURLE_SSL_ISSUER_ERROR;
}

bool tells_of_the_request(CURLcode code) {
  return code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
         code == CURLE_BAD_FUNCTION_ARGUMENT;
}

}  // namespace templar
