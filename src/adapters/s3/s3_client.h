// Requests to an S3 server: signed, asked again where that helps, refused in words that say what to do.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/http/http_transfers.h"
#include "adapters/s3/credential_source.h"
#include "adapters/s3/request_gate.h"
#include "adapters/s3/signature.h"
#include "base/back_off.h"
#include "ports/store_address.h"

namespace templar {

struct S3ClientOptions {
  S3Endpoint endpoint;
  std::string region = "us-east-1";
  BucketStyle style = BucketStyle::kPath;
  TransferOptions transfers;
  RetryRule retry{.first_pause = std::chrono::milliseconds(200),
                  .longest_pause = std::chrono::seconds(10),
                  .most_retries = 7,
                  .jitter_seed = 0};
  std::shared_ptr<RequestGate> gate = std::make_shared<RequestGate>();  // shared by all who ask this server
  std::shared_ptr<CredentialSource> credentials;                        // nullptr: requests are not signed
  // What a server's no means: fatal where the address is our own, skip where it is a peer's.
  ErrorKind refusal = ErrorKind::kFatal;
};

struct S3Request {
  std::string method;
  std::string bucket;
  std::string key;  // empty: of the bucket itself
  TextPairs query{};
  TextPairs headers{};  // names in lower case
  ByteView body{};
  std::string body_hash{};            // its SHA-256 in hexadecimal; empty: it is computed
  uint64_t max_body_bytes = 1 << 20;  // of the answer
  bool even_if_cancelled = false;     // see Transfer
  // Likewise. Once it has been called nothing is asked again: what breaks off then fails at once.
  BodySink sink{};
  std::optional<int> most_retries{};            // nullopt: as the options say
  std::vector<std::string> welcome_refusals{};  // a no with one of these codes is as good as a yes
  // Asked after an attempt whose outcome nobody knows: whether the server did what was asked. Empty: asking
  // again does no harm.
  std::function<Result<bool>()> is_done{};
};

// Thread-safe.
class S3Client {
 public:
  // The clock is the machine's, for signatures; it must outlive this.
  S3Client(S3ClientOptions options, const Clock& clock);

  // The server's answer if it is good, or says that a thing is missing (404, but for PUT and POST) or that an
  // object has no such range (416) or that a condition doesn't hold (412), or is a welcome refusal; or one
  // without content where is_done says so. What may pass is tried again: no connection or one that broke off,
  // 408, 429, 500, 502, 503, 504 (with the delay that the server asks for), 501 once; a wrong clock is
  // corrected once by the server's, refused keys are read anew once. Fails (retry) where it did not pass or
  // was cancelled (by the options, or CancellationScope), with the options' refusal on a no (other 4xx,
  // redirections), else as HttpTransfers and CredentialSource.
  [[nodiscard]] Result<TransferReply> send(const S3Request& request);

  // Returns after that time; false, at once, where requests are cancelled.
  [[nodiscard]] bool wait(std::chrono::milliseconds time);

  // By how much the server's clock is ahead of ours, where it has refused ours.
  [[nodiscard]] int64_t clock_offset_ms() const { return clock_offset_ms_; }
  [[nodiscard]] ErrorKind refusal() const { return options_.refusal; }

 private:
  // What a request has used up of its second chances.
  struct Chances {
    bool has_corrected_clock = false;
    bool has_changed_keys = false;
    bool has_met_501 = false;
  };

  [[nodiscard]] bool is_cancelled() const;
  [[nodiscard]] std::string host_of(const S3Request& request) const;
  [[nodiscard]] std::string path_of(const S3Request& request) const;
  [[nodiscard]] Result<TransferReply> attempt(const S3Request& request, const S3Credentials& keys,
                                              const BodySink& sink);
  [[nodiscard]] Result<S3Credentials> keys_now();
  // Whether the refusal was the fault of clock or keys, and they are others now.
  [[nodiscard]] bool has_mended(const TransferReply& reply, const S3Credentials& keys, Chances& chances);
  [[nodiscard]] std::unexpected<Error> refused(const S3Request& request, const TransferReply& reply) const;
  [[nodiscard]] std::string what(const S3Request& request) const;

  const S3ClientOptions options_;
  const Clock& clock_;
  HttpTransfers transfers_;
  std::atomic<int64_t> clock_offset_ms_ = 0;
  std::atomic<uint64_t> requests_ = 0;  // gives each its own jitter
};

}  // namespace templar
