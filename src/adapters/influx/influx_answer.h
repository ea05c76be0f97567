// What an InfluxDB server answered to a request to write, as far as it matters.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace templar {

enum class WriteOutcome {
  kWritten,
  kRejected,     // of these lines at least one will never be taken; others may have been
  kTooLarge,     // the same lines in smaller requests may be taken
  kRefused,      // credentials, database, address: a person has to act; then the same lines will be taken
  kUnavailable,  // no answer, or "later"
};

struct WriteAnswer {
  WriteOutcome outcome = WriteOutcome::kUnavailable;
  std::string message;          // what is wrong and what to do about it; empty if it is written
  uint64_t rejected_lines = 0;  // kRejected: so many were dropped, all others written; 0: it did not say
  std::chrono::seconds retry_after{0};  // what the server asked for; 0: nothing
};

// The server's own words in the body of an error answer (1.x: {"error":…}, 2.x: {"code":…,"message":…};
// anything else as it is), on one line and shortened.
[[nodiscard]] std::string server_message(std::string_view body);

// The number in "partial write: … dropped=N", if it is such a message.
[[nodiscard]] std::optional<uint64_t> partial_write_dropped(std::string_view message);

}  // namespace templar
