// Whatever the bytes are, the readers of JSON answer. What parse_json() accepts is written in a form that it
// reads as the same value, and json_text_field() finds in it what the value says.
#include "base/bytes.h"
#include "base/check.h"
#include "base/json/json.h"
#include "base/json/json_events.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = templar::as_text({data, size});
  const auto json = templar::parse_json(text);
  const auto field = templar::json_text_field(text, "text");
  if (!json) {
    CHECK(!json.error().message.empty() && json.error().message.size() < 400);
    return 0;
  }
  for (const templar::JsonLayout layout :
       {templar::JsonLayout{}, {.indent = 2}, {.ascii = true}, {.indent = 1, .sorted = true}}) {
    const std::string written = templar::to_text(*json, layout);
    const auto again = templar::parse_json(written);
    CHECK(again.has_value() && templar::to_text(*again, layout) == written);
    CHECK(layout.sorted || *again == *json);
  }
  const templar::Json* member = json->find("text");
  const bool is_text = member != nullptr && member->text() != nullptr;
  CHECK(field.has_value() == is_text && (!is_text || *field == *member->text()));
  return 0;
}
