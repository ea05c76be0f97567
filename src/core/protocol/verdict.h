// What a node decided about a peer's contribution of a window. The codes are written into aggregate records:
// their numbers are frozen (docs/protocol.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace templar {

enum class VerdictCode : uint8_t {
  kAccepted = 0,
  kTooEarly = 1,  // stored before its window began
  kTooLate = 2,   // stored after the put window had closed; a sealed upload: after its window
  kMissing = 3,   // no such object
  kInvalid = 4,   // there and in time, but not a contribution that counts: the reason says why
  // Of sealed uploads that are there and in time:
  kNoKey = 5,     // no key was published, or too late
  kWrongKey = 6,  // what was published does not open it
};
constexpr uint8_t kLastVerdictCode = 6;

struct Verdict {
  VerdictCode code = VerdictCode::kAccepted;
  std::string reason;  // for people; empty where the contribution was accepted

  [[nodiscard]] bool accepted() const { return code == VerdictCode::kAccepted; }
  bool operator==(const Verdict&) const = default;
};

// "accepted", "too_early", "too_late", "missing", "invalid", "no_key", "wrong_key".
[[nodiscard]] constexpr std::string_view verdict_name(VerdictCode code) {
  switch (code) {
    case VerdictCode::kAccepted:
      return "accepted";
    case VerdictCode::kTooEarly:
      return "too_early";
    case VerdictCode::kTooLate:
      return "too_late";
    case VerdictCode::kMissing:
      return "missing";
    case VerdictCode::kInvalid:
      return "invalid";
    case VerdictCode::kNoKey:
      return "no_key";
    case VerdictCode::kWrongKey:
      return "wrong_key";
  }
  return "unknown";
}

// What scoring tells apart: nothing that could be taken, or something that nobody who is honest sends.
[[nodiscard]] constexpr bool counts_as_missing(VerdictCode code) {
  return code == VerdictCode::kMissing || code == VerdictCode::kTooEarly || code == VerdictCode::kTooLate ||
         code == VerdictCode::kNoKey;
}
[[nodiscard]] constexpr bool counts_as_invalid(VerdictCode code) {
  return code == VerdictCode::kInvalid || code == VerdictCode::kWrongKey;
}

[[nodiscard]] inline Verdict invalid_verdict(std::string reason) {
  return {VerdictCode::kInvalid, std::move(reason)};
}

}  // namespace templar
