// Passwords and tokens that servers ask for: from a file, or from where the caller keeps them; and files that
// hold secrets.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace templar {

// The file's text without the line ends that it closes with; `otherwise` if no file is named. Either is
// registered as a secret (see base/log/secrets.h). Fails (fatal) if the file can't be read, holds more than
// 4 KiB, or is empty. Thread-safe.
[[nodiscard]] Result<std::string> read_secret(const std::filesystem::path& file, std::string otherwise);

// A new file that its owner alone can read, on the disk when this returns. A process that is killed meanwhile
// leaves the whole file or none, where the file system can do that. False, with nothing changed, where there
// is one of that name. Fails (fatal) with the path and the reason.
[[nodiscard]] Result<bool> create_secret_file(const std::filesystem::path& path, std::string_view content);

// 128 bits that nobody can guess, in hexadecimal digits; registered as a secret.
[[nodiscard]] std::string random_password();

}  // namespace templar
