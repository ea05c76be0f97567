// JSON read event by event, for texts that are too large or too hostile for a tree of values: reading takes
// no more memory than the longest text in it, and a bit for each level.
#pragma once

#include <string>
#include <string_view>

#include "base/json/json.h"
#include "base/result.h"

namespace templar {

// Is told of each part of a JSON text in its order. A function that fails ends the reading with its error.
class JsonEvents {
 public:
  virtual ~JsonEvents() = default;

  [[nodiscard]] virtual Status begin_object() = 0;
  [[nodiscard]] virtual Status end_object() = 0;
  [[nodiscard]] virtual Status begin_list() = 0;
  [[nodiscard]] virtual Status end_list() = 0;
  // Of the member whose value comes next; the view is valid during the call only. Two members of one object
  // may have the same name.
  [[nodiscard]] virtual Status name(std::string_view name) = 0;
  // A value that is a text; the view is valid during the call only.
  [[nodiscard]] virtual Status text(std::string_view text) = 0;
  // Null, true, false, an integer or a double.
  [[nodiscard]] virtual Status scalar(const Json& value) = 0;
};

// Fails with the error of an event, or (fatal) if the text is not JSON: parse_json() says what that is.
// Events that came before the fault have been told.
[[nodiscard]] Status visit_json(std::string_view text, JsonEvents& events);

// The text that is the member `field` of the object: the last one, if there are several. Beyond JSON it takes
// what Python's json module writes and reads: NaN, Infinity, -Infinity and numbers of any size in other
// fields, and surrogates without their other half, each of which becomes U+FFFD. Fails (skip) if the line is
// not such an object or has no such text. As fast as reading goes: all else is checked and passed over.
[[nodiscard]] Result<std::string> json_text_field(std::string_view line, std::string_view field);

}  // namespace templar
