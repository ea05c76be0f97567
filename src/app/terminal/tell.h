// Words for a person on standard error.
#pragma once

#include <string_view>

namespace templar {

// Writes the text. Where standard error can't take it (closed, a full disk), nobody is told and nothing
// fails.
void tell(std::string_view text);

}  // namespace templar
