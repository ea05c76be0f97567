// Any text goes through redact(): no registered secret is left, and what is clean stays as it is.
#include "base/check.h"
#include "base/log/secrets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr std::string_view kSecret = "fuzzed-secret";
  static const bool registered = templar::register_secret(kSecret);
  CHECK(registered);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string clean = templar::redact(text);
  CHECK(clean.find(kSecret) == std::string::npos);
  CHECK(clean.size() <= 9 * size);
  if (text.find_first_of("=:") == std::string_view::npos && text.find(kSecret) == std::string_view::npos)
    CHECK(clean == text);
  return 0;
}
