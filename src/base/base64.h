// Bytes as text: base64 (RFC 4648), by libsodium.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace templar {

enum class Base64Form {
  kStandard,  // A-Z a-z 0-9 + /, filled up with '='
  kUrl,       // A-Z a-z 0-9 - _, not filled up
};

[[nodiscard]] std::string to_base64(ByteView bytes, Base64Form form = Base64Form::kStandard);
// Fails (skip) on anything that to_base64 would not write: one spelling for one value.
[[nodiscard]] Result<Bytes> from_base64(std::string_view text, Base64Form form = Base64Form::kStandard);

}  // namespace templar
