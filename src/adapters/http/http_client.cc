#include "adapters/http/http_client.h"

#include <fmt/format.h>

#include <algorithm>

#include "adapters/http/curl_session.h"
#include "adapters/http/gzip.h"

namespace templar {
namespace {

constexpr size_t kMaxResponseBytes = 64 << 10;
constexpr std::chrono::seconds kPollInterval{1};  // cancel() wakes it before

size_t take_body(const char* data, size_t, size_t size, void* response) {
  std::string& body = static_cast<HttpResponse*>(response)->body;
  // What is above the bound is thrown away but counted as taken: curl would end the transfer otherwise, and
  // the status would be lost.
  body.append(data, std::min(size, kMaxResponseBytes - body.size()));
  return size;
}

}  // namespace

struct HttpClient::Curl {
  // Everything but body and headers.
  void prepare(const HttpPost& request, const HttpClientOptions& options, HttpResponse& response) {
    session.reset();
    CURL* easy = session.easy();
    curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout.count()));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &response);
    if (!options.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, options.ca_file.c_str());
    if (request.user.empty()) return;
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(easy, CURLOPT_USERNAME, request.user.c_str());
    curl_easy_setopt(easy, CURLOPT_PASSWORD, request.password.c_str());
  }

  CurlSession session;
};

HttpClient::HttpClient(HttpClientOptions options)
    : options_(std::move(options)), curl_(std::make_unique<Curl>()) {}
HttpClient::~HttpClient() = default;

void HttpClient::cancel() {
  cancelled_ = true;
  curl_->session.wake();
}

Result<HttpResponse> HttpClient::post(const HttpPost& request) {
  const std::string address = shown_address(request.url);
  HeaderLines headers;
  for (const auto& header : request.headers) {
    if (!is_sendable(header))
      return fatal_error(
          fmt::format("{}: the value for the header {} has a line break", address, header.first));
    headers.add(header.first + ": " + header.second);
  }
  // curl's own default would say that the body is a form.
  const bool typed = std::ranges::any_of(request.headers, [](const auto& header) {
    return curl_strequal(header.first.c_str(), "Content-Type") != 0;
  });
  if (!typed) headers.add("Content-Type: application/octet-stream");
  if (request.gzip) headers.add("Content-Encoding: gzip");
  headers.add("Expect:");  // no waiting for a 100 before the body
  const Bytes compressed = request.gzip ? gzip(request.body) : Bytes();
  const std::string_view body = request.gzip ? as_text(compressed) : std::string_view(request.body);

  HttpResponse response;
  curl_->prepare(request, options_, response);
  curl_easy_setopt(curl_->session.easy(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl_->session.easy(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(curl_->session.easy(), CURLOPT_POSTFIELDS, body.data());
  const std::optional<CURLcode> result =
      curl_->session.perform([this] { return cancelled_.load(); }, kPollInterval);
  if (!result) return retry_error(address + ": cancelled");
  if (*result != CURLE_OK) {
    std::string message = fmt::format("{}: {}", address, curl_->session.description(*result));
    if (tells_of_certificates(*result))
      return fatal_error(message + "; give the file of the certificates that signed the server's");
    return tells_of_the_request(*result) ? fatal_error(std::move(message)) : retry_error(std::move(message));
  }
  long status = 0;
  curl_easy_getinfo(curl_->session.easy(), CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  curl_off_t retry_after = 0;
  curl_easy_getinfo(curl_->session.easy(), CURLINFO_RETRY_AFTER, &retry_after);
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
