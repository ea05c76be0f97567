// What tasks do to text, as Python's str does it: the scores that others publish were made with these. All
// texts are valid UTF-8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace templar {

// Code points, which is what Python's len() counts.
[[nodiscard]] int64_t code_points(std::string_view text);

// Without white space (Unicode's) at the ends, at the end.
[[nodiscard]] std::string_view stripped(std::string_view text);
[[nodiscard]] std::string_view stripped_right(std::string_view text);

// The first letter upper case, all others lower case. Letters that become several (ß) stay as they are.
[[nodiscard]] std::string capitalised(std::string_view text);

// All occurrences, from the left, none within another.
[[nodiscard]] std::string replaced(std::string_view text, std::string_view what, std::string_view by);

}  // namespace templar
