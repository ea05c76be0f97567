// S3's name for the content of a part: no protection against anybody, but what servers tell.
#pragma once

#include <string>

#include "base/bytes.h"

namespace templar {

// In hexadecimal; empty where this machine's rules forbid MD5.
[[nodiscard]] std::string md5_hex(ByteView content);

}  // namespace templar
