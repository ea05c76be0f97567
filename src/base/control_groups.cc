#include "base/control_groups.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>
#include <string_view>

#include "base/bytes.h"
#include "base/files/file.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLargestFile = size_t{4} << 20;

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> words;
  std::istringstream rest(text);
  for (std::string word; std::getline(rest, word, separator);) words.push_back(word);
  return words;
}

bool has_word(const std::string& text, char separator, std::string_view wanted) {
  const std::vector<std::string> words = split(text, separator);
  return std::ranges::find(words, wanted) != words.end();
}

// A space in a mount's path is written as "\040".
std::string unescaped(const std::string& text) {
  constexpr size_t kEscapeSize = 4;
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    int code = 0;
    const char* const digits = text.data() + i + 1;
    if (text[i] == '\\' && i + kEscapeSize <= text.size() &&
        std::from_chars(digits, digits + 3, code, 8).ptr == digits + 3) {
      plain += static_cast<char>(code);
      i += kEscapeSize - 1;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

struct Mount {
  bool is_version_2 = false;
  fs::path group;  // the one that is shown at the mount's top
  fs::path place;
};

// "31 23 0:28 /group /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu"
std::optional<Mount> mount_of(const std::string& line, std::string_view controller) {
  const std::vector<std::string> words = split(line, ' ');
  const auto dash = std::ranges::find(words, "-");
  constexpr std::ptrdiff_t kWordsBefore = 5;
  constexpr std::ptrdiff_t kWordsAfter = 4;
  if (dash - words.begin() < kWordsBefore || words.end() - dash < kWordsAfter) return std::nullopt;
  const bool is_version_2 = dash[1] == "cgroup2";
  if (!is_version_2 && !(dash[1] == "cgroup" && has_word(dash[3], ',', controller))) return std::nullopt;
  return Mount{is_version_2, unescaped(words[3]), unescaped(words[4])};
}

// The process' own group of that version, as its hierarchy names it: "4:cpu,cpuacct:/a/b", "0::/a/b".
std::optional<fs::path> own_group(const std::string& groups, std::string_view controller, bool is_version_2) {
  for (const std::string& line : split(groups, '\n')) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool fits = is_version_2 ? line.starts_with("0::") : has_word(controllers, ',', controller);
    if (fits) return line.substr(second + 1);
  }
  return std::nullopt;
}

}  // namespace

std::string group_text(const fs::path& file) {
  const auto content = read_file(file, kLargestFile);
  return content ? std::string(as_text(*content)) : "";
}

std::optional<int64_t> group_number(const std::string& text) {
  int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [last, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc() || (last != end && *last != '\n')) return std::nullopt;
  return number;
}

std::vector<ControlGroup> control_groups_under(const fs::path& root, std::string_view controller) {
  std::vector<ControlGroup> found;
  const std::string groups = group_text(root / "proc/self/cgroup");
  for (const std::string& line : split(group_text(root / "proc/self/mountinfo"), '\n')) {
    const std::optional<Mount> mount = mount_of(line, controller);
    if (!mount) continue;
    const std::optional<fs::path> own = own_group(groups, controller, mount->is_version_2);
    if (!own) continue;
    // Seen from inside a container the process may be in a group that the mount does not show.
    const fs::path inside = own->lexically_relative(mount->group);
    const bool is_shown = !inside.empty() && *inside.begin() != "..";
    const fs::path top = root / mount->place.relative_path();
    fs::path group = is_shown && inside != "." ? top / inside : top;
    for (;; group = group.parent_path()) {
      found.push_back({group, mount->is_version_2});
      if (group == top) break;
    }
  }
  return found;
}

}  // namespace templar
