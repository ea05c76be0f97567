// Whatever the bytes are, parse_validator_state() answers; what it accepts survives another round trip
// unchanged.
#include "base/check.h"
#include "node/validator/validator_state.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto state = templar::parse_validator_state({data, size});
  if (!state) {
    CHECK(!state.error().message.empty());
    return 0;
  }
  const auto again =
      templar::parse_validator_state(templar::as_bytes(templar::encode_validator_state(*state)));
  CHECK(again.has_value() && *again == *state);
  return 0;
}
