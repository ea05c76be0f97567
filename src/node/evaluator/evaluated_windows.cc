#include "node/evaluator/evaluated_windows.h"

#include <algorithm>
#include <charconv>

#include "base/files/file.h"

namespace templar {
namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 24;

}  // namespace

Result<std::set<int64_t>> read_evaluated_windows(const std::filesystem::path& file) {
  std::set<int64_t> windows;
  std::error_code unknown;
  if (file.empty()) return windows;
  if (!std::filesystem::exists(file, unknown) && !unknown) return windows;
  TRY_ASSIGN(const Bytes bytes, read_file(file, kMaxFileBytes));
  const std::string_view text = as_text(bytes);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    int64_t window = 0;
    const auto [last, error] = std::from_chars(text.data() + begin, text.data() + end, window);
    if (error != std::errc() || last != text.data() + end) {
      return fatal_error(file.string() +
                         ": not a list of windows; remove it to evaluate all checkpoints again");
    }
    windows.insert(window);
    begin = end + 1;
  }
  return windows;
}

Status write_evaluated_windows(const std::filesystem::path& file, const std::set<int64_t>& windows) {
  if (file.empty()) return {};
  std::string text;
  for (const int64_t window : windows) text += std::to_string(window) + "\n";
  return write_file_atomically(file, text);
}

}  // namespace templar
