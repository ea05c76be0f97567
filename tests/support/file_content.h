// What a test wants to know of files.
#pragma once

#include <filesystem>
#include <string>

#include "base/files/file.h"

namespace templar::testing {

// Its content, or "error: " and why it can't be read.
[[nodiscard]] inline std::string text_of(const std::filesystem::path& path, size_t max_bytes = 1 << 20) {
  const auto content = read_file(path, max_bytes);
  return content ? std::string(as_text(*content)) : "error: " + content.error().message;
}

[[nodiscard]] inline size_t files_in(const std::filesystem::path& folder) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

}  // namespace templar::testing
