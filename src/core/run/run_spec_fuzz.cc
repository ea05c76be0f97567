// Whatever the bytes are, parse_run_spec() answers; what it accepts has one canonical form, which it accepts
// too.
#include "base/bytes.h"
#include "base/check.h"
#include "core/run/run_spec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto spec = templar::parse_run_spec(templar::as_text({data, size}));
  if (!spec) {
    CHECK(!spec.error().message.empty());
    return 0;
  }
  const std::string canonical = templar::canonical_json(*spec);
  const auto again = templar::parse_run_spec(canonical);
  CHECK(again.has_value() && templar::canonical_json(*again) == canonical);
  return 0;
}
