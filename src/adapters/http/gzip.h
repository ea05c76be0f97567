#pragma once

#include <string>
#include <string_view>

namespace templar {

// The text as a gzip member (RFC 1952), quickly rather than small.
[[nodiscard]] std::string gzip_compressed(std::string_view text);

}  // namespace templar
