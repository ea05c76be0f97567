// Requests to a cluster of etcd by the JSON gateway of its servers (etcd 3.4 and later).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/etcd_ledger/etcd_answer.h"
#include "adapters/http/http_transfers.h"
#include "adapters/s3/request_gate.h"
#include "base/back_off.h"
#include "base/clock.h"
#include "base/threads/mutex.h"

namespace templar {

struct EtcdClientOptions {
  std::vector<std::string> endpoints;  // "https://host:2379"; at least one
  std::string user;                    // empty: requests carry no token
  // Asked whenever a token is fetched, so that a file may change. Its error is the request's.
  std::function<Result<std::string>()> password;
  TransferOptions transfers = default_transfers();
  // Between two rounds through all endpoints in which none answered.
  RetryRule retry{.first_pause = std::chrono::milliseconds(100),
                  .longest_pause = std::chrono::milliseconds(800),
                  .most_retries = 4};
  std::shared_ptr<const Clock> clock = std::make_shared<SystemClock>();  // tells when tokens end

  // A server that has lost its cluster would take 7 seconds to say so; others may be well.
  [[nodiscard]] static TransferOptions default_transfers();
};

struct EtcdRequest {
  std::string path;  // "/v3/kv/range"
  std::string body;  // JSON
  std::string what;  // "read of templar/nodes/0000000001", for messages
  // Sent once: done twice it would not be what was asked for.
  bool is_write = false;
  // Takes a good answer piece by piece, however long it is. Empty: it is collected.
  BodySink sink{};
};

struct EtcdReply {
  Bytes body;                 // of a good answer
  bool is_compacted = false;  // the revision that was asked for is not kept any more
  bool is_too_large = false;  // more than kMaxEtcdAnswerBytes: the same in smaller parts may be read
};

// Thread-safe. All requests go to the endpoint that answered last; where it fails, to the next.
class EtcdClient {
 public:
  explicit EtcdClient(EtcdClientOptions options);

  // A server's answer. A read is tried at each endpoint, in rounds as the options say; a write at one, so
  // after a failure (retry) it may have been done or not, or be done later. Fails (retry) where no server
  // answered, or where the one that did could not do it now (no leader, too many requests, timeouts, a server
  // that was removed, a full database): the message says what to do where a person can do something. Fails
  // (fatal) on a no: user or password wrong or missing, permission denied, no such gateway, certificates that
  // can't be trusted at any endpoint. A token that is not taken any more is fetched anew, once; one that says
  // when it ends is replaced before that. Messages have neither password nor token.
  [[nodiscard]] Result<EtcdReply> send(const EtcdRequest& request) const;
  // The next request fetches another token: a stream was told that this one is taken no more.
  void forget_token() const EXCLUDES(token_mutex_);

 private:
  struct Token {
    std::string text;  // empty: the server has no users
    std::optional<TimestampMs> renew_at_ms;
  };
  // What came of asking one endpoint.
  struct Attempt {
    Result<EtcdReply> reply;
    bool is_final = false;  // no other endpoint would say otherwise
  };

  [[nodiscard]] Attempt attempt(const std::string& endpoint, const EtcdRequest& request) const;
  [[nodiscard]] Result<TransferReply> post(const std::string& endpoint, const EtcdRequest& request,
                                           const std::string& token) const;
  [[nodiscard]] Result<std::string> token_at(const std::string& endpoint) const EXCLUDES(token_mutex_);
  [[nodiscard]] Result<Token> authenticate(const std::string& endpoint) const;
  void forget(const std::string& token) const EXCLUDES(token_mutex_);
  [[nodiscard]] bool is_cancelled() const;

  const EtcdClientOptions options_;
  mutable HttpTransfers transfers_;
  mutable RequestGate gate_;
  mutable std::atomic<size_t> current_ = 0;  // the endpoint that is asked first
  mutable std::atomic<bool> said_no_users_ = false;
  mutable Mutex token_mutex_;
  mutable std::optional<Token> token_ GUARDED_BY(token_mutex_);
};

}  // namespace templar
