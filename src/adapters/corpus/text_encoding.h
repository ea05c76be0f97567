// Text in UTF-8, whatever encoding its file has.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/corpus/byte_source.h"

namespace templar {

// The source's text as UTF-8. UTF-16 and UTF-32 are told by their byte order mark; a surrogate without its
// other half, a number that is no character and a cut-off last one become U+FFFD. Byte order marks at the
// beginning of the text and of its lines are left out: files that were joined bring theirs along. Everything
// else is taken to be UTF-8 and passed on as it is. Fails as the source does.
[[nodiscard]] Result<std::unique_ptr<ByteSource>> as_utf8(std::unique_ptr<ByteSource> source);

// For text without a byte order mark: which of UTF-16LE, UTF-16BE, UTF-32LE and UTF-32BE it seems to be in,
// by where its zero bytes stand; nullopt if none. `beginning` is the first kilobytes of it.
[[nodiscard]] std::optional<std::string> likely_encoding(std::string_view beginning);

}  // namespace templar
