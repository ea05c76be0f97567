// What must never be seen: a process-wide list of secrets (tokens, passwords, seeds of keys) that no log and
// no error shows.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace templar {

struct LogEvent;

// A shorter one can't be looked for: it would be found in every other word.
inline constexpr size_t kShortestSecretBytes = 4;

// All thread-safe. The secret is known from now on, until the process ends, as it is and percent-encoded, as
// in an address. False, and nothing done, if it is shorter than kShortestSecretBytes.
bool register_secret(std::string_view secret);
// The same for bytes that are shown in hexadecimal, such as a key's seed.
bool register_secret_bytes(ByteView secret);

// The text with "<secret>" in place of every registered secret, and of what follows token=, password=,
// passwd=, secret= or read-key= (in any case, also as a JSON member), p= in a query, the password in
// ://user:password@, and all that follows Authorization: in its line.
[[nodiscard]] std::string redact(std::string_view text);

// The same for all text of an event. A field whose own name ends with one of those words loses its text
// whole.
void redact(LogEvent& event);

}  // namespace templar
