// Passwords and tokens that servers ask for: from a file, or from where the caller keeps them.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace templar {

// The file's text without the line ends that it closes with; `otherwise` if no file is named. Either is
// registered as a secret (see base/log/secrets.h). Fails (fatal) if the file can't be read, holds more than
// 4 KiB, or is empty. Thread-safe.
[[nodiscard]] Result<std::string> read_secret(const std::filesystem::path& file, std::string otherwise);

}  // namespace templar
