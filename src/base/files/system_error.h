// What the system says when a call on a file fails.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace templar {

// The system's words for an errno value, and what a person can do about it, where they don't say so.
[[nodiscard]] std::string system_message(int error);

// Whether the same call may succeed later: somebody frees space, files are closed.
[[nodiscard]] bool may_pass(int error);

// "WHAT: system_message": retry where that may pass, else fatal.
[[nodiscard]] std::unexpected<Error> system_error(const std::string& what, int error);

}  // namespace templar
