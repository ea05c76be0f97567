// Regular expressions of tokenizer.json, which are Oniguruma's, in the words of PCRE2.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace templar {

// A pattern for PCRE2 with UTF, UCP and MULTILINE that matches what Oniguruma 6.9.10 (Unicode 16) matches:
// classes of characters are written out where the two, or their Unicode versions, differ. Fails (fatal) on
// what would mean something else there and is not translated.
[[nodiscard]] Result<std::string> translate_oniguruma(std::string_view pattern);

}  // namespace templar
