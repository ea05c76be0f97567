#pragma once

#include <string>

namespace templar {

// A random UUID (RFC 4122, version 4), to tell things apart that came from nowhere: no secret, and never part
// of what nodes agree on.
[[nodiscard]] std::string random_uuid();

}  // namespace templar
