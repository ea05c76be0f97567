// Whatever the bytes are, read_scoreboard() answers; what it accepts survives another round trip unchanged.
#include "base/bytes.h"
#include "base/check.h"
#include "base/json/json_fields.h"
#include "core/scoring/scoreboard.h"

namespace {

templar::Result<templar::Scoreboard> parse_scoreboard(std::string_view text) {
  TRY_ASSIGN(const templar::Json json, templar::parse_json(text));
  TRY_ASSIGN(templar::JsonFields fields, templar::JsonFields::of(json, "scoreboard"));
  return templar::read_scoreboard(std::move(fields));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto scoreboard = parse_scoreboard(templar::as_text({data, size}));
  if (!scoreboard) {
    CHECK(!scoreboard.error().message.empty());
    return 0;
  }
  const auto again = parse_scoreboard(templar::to_text(templar::encode_scoreboard(*scoreboard)));
  CHECK(again.has_value() && *again == *scoreboard);
  return 0;
}
