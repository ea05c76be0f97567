// Text of unknown origin, on its way to a terminal.
#pragma once

#include <string>
#include <string_view>

namespace templar {

// Control characters but newline and tab as "\xNN", so that the text can't command a terminal; bytes that are
// no UTF-8 as U+FFFD.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace templar
