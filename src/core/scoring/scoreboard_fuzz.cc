// Whatever the bytes are, parse_scoreboard() answers; what it accepts survives another round trip unchanged.
#include "base/check.h"
#include "core/scoring/scoreboard.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto scoreboard = templar::parse_scoreboard({data, size});
  if (!scoreboard) {
    CHECK(!scoreboard.error().message.empty());
    return 0;
  }
  const auto again = templar::parse_scoreboard(templar::as_bytes(templar::encode_scoreboard(*scoreboard)));
  CHECK(again.has_value() && *again == *scoreboard);
  return 0;
}
