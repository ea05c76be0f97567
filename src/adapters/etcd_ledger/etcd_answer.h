// What etcd's JSON gateway answers (etcd 3.4 and later). All of it comes from outside: numbers must be whole
// and positive, keys and contents base64, lists no longer than was asked for. Fields that are not needed are
// not looked at, since later versions add some.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"

namespace templar {

// No answer that is read at once may be larger: pages of lists are made to fit.
inline constexpr size_t kMaxEtcdAnswerBytes = size_t{4} << 20;

// Why a server did not do what it was asked to.
struct EtcdRefusal {
  int64_t code = 0;     // gRPC's; 0: the answer has none
  std::string message;  // on one line, at most 300 bytes, nothing in it commands a terminal
};
// An error's body, whatever it is: what is none of etcd's (a proxy's page) is the message as it stands.
[[nodiscard]] EtcdRefusal parse_etcd_refusal(std::string_view body);

struct EtcdPair {
  std::string key;
  Bytes content;
  int64_t revision = 0;  // of the store when it was written, > 0
};

struct EtcdRange {
  int64_t revision = 0;  // of the store when it was read, > 0
  std::vector<EtcdPair> pairs;
  bool has_more = false;
};
// An answer to /v3/kv/range with a limit: its pairs ascend by key. Fails (retry).
[[nodiscard]] Result<EtcdRange> parse_etcd_range(std::string_view body, size_t limit);

// An answer to /v3/kv/txn: whether the conditions held. Fails (retry).
[[nodiscard]] Result<bool> parse_etcd_transaction(std::string_view body);

// For each request of a transaction that has nothing but ranges: whether there was any pair. Fails (retry)
// also where it answers another number of them.
[[nodiscard]] Result<std::vector<bool>> parse_etcd_presence(std::string_view body, size_t requests);

// A line of a stream of /v3/watch.
struct EtcdWatchMessage {
  int64_t newest_change = 0;  // the highest revision of its events; 0: it has none
  int64_t told_up_to = 0;     // all changes up to this revision have been told; 0: it does not say
  // The watch has ended, for that reason; on one line, at most 300 bytes.
  bool is_cancelled = false;
  std::string reason;
  int64_t compacted_up_to = 0;  // it has ended because nothing is kept before this revision; 0: not so
};
// Fails (retry).
[[nodiscard]] Result<EtcdWatchMessage> parse_etcd_watch_message(std::string_view line);

// The names in an answer to /v3/auth/user/list ("users") or /v3/auth/role/list ("roles"). Fails (retry).
[[nodiscard]] Result<std::vector<std::string>> parse_etcd_names(std::string_view body, std::string_view list);

// The token in an answer to /v3/auth/authenticate, which a header can carry. Fails (retry).
[[nodiscard]] Result<std::string> parse_etcd_token(std::string_view body);
// When a token ends that says so itself (a JSON Web Token); nullopt: it does not say.
[[nodiscard]] std::optional<TimestampMs> end_of_etcd_token(std::string_view token);

}  // namespace templar
