// Words for a person on standard error.
#pragma once

#include <string>
#include <string_view>

namespace templar {

// Writes the text. Where standard error can't take it (closed, a full disk), nobody is told and nothing
// fails.
void tell(std::string_view text);

// A message as a person gets it: without the secrets that are registered, without what would command a
// terminal, and with the middle left out of one that is very long (a name of thousands of characters).
[[nodiscard]] std::string presentable(std::string_view message);

// "error: " and the presentable message.
void tell_error(std::string_view message);

}  // namespace templar
