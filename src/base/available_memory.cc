#include "base/available_memory.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>
#include <string_view>

#include "base/control_groups.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

// The number behind a name at a line's beginning: "MemAvailable:   123 kB", "inactive_file 123".
std::optional<int64_t> number_behind(const std::string& text, std::string_view name) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    if (!line.starts_with(name)) continue;
    line.remove_prefix(name.size());
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    int64_t number = 0;
    if (std::from_chars(line.data(), line.data() + line.size(), number).ec == std::errc()) return number;
  }
  return std::nullopt;
}

// What is left below the group's own limit; nullopt if it has none.
std::optional<int64_t> left_in(const ControlGroup& group) {
  const char* const limit_file = group.is_version_2 ? "memory.max" : "memory.limit_in_bytes";
  const char* const usage_file = group.is_version_2 ? "memory.current" : "memory.usage_in_bytes";
  const char* const cache_name = group.is_version_2 ? "inactive_file " : "total_inactive_file ";
  const std::optional<int64_t> limit = group_number(group_text(group.folder / limit_file));
  const std::optional<int64_t> usage = group_number(group_text(group.folder / usage_file));
  if (!limit || !usage || *limit < 0 || *usage < 0) return std::nullopt;
  const int64_t cache = number_behind(group_text(group.folder / "memory.stat"), cache_name).value_or(0);
  return std::max<int64_t>(0, *limit - std::max<int64_t>(0, *usage - std::max<int64_t>(0, cache)));
}

}  // namespace

std::optional<int64_t> memory_under(const fs::path& root) {
  constexpr int64_t kKibibyte = 1024;
  std::optional<int64_t> left = number_behind(group_text(root / "proc/meminfo"), "MemAvailable:");
  if (left && *left >= 0 && *left <= std::numeric_limits<int64_t>::max() / kKibibyte)
    *left *= kKibibyte;
  else
    left.reset();
  for (const ControlGroup& group : control_groups_under(root, "memory")) {
    const std::optional<int64_t> below = left_in(group);
    if (below) left = std::min(left.value_or(*below), *below);
  }
  return left;
}

std::optional<int64_t> available_memory_bytes() {
  return memory_under("/");
}

}  // namespace templar
