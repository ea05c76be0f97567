#include "base/threads/processors.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "base/files/file.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLargestFile = size_t{4} << 20;

std::string text_of(const fs::path& file) {
  const auto content = read_file(file, kLargestFile);
  return content ? std::string(as_text(*content)) : "";
}

std::vector<std::string> words_of(const std::string& text, char separator) {
  std::vector<std::string> words;
  std::istringstream rest(text);
  for (std::string word; std::getline(rest, word, separator);) words.push_back(word);
  return words;
}

bool has_word(const std::string& text, char separator, std::string_view wanted) {
  const std::vector<std::string> words = words_of(text, separator);
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
std::optional<Mount> cpu_mount(const std::string& line) {
  const std::vector<std::string> words = words_of(line, ' ');
  const auto dash = std::ranges::find(words, "-");
  constexpr std::ptrdiff_t kWordsBefore = 5;
  constexpr std::ptrdiff_t kWordsAfter = 4;
  if (dash - words.begin() < kWordsBefore || words.end() - dash < kWordsAfter) return std::nullopt;
  const bool is_version_2 = dash[1] == "cgroup2";
  if (!is_version_2 && !(dash[1] == "cgroup" && has_word(dash[3], ',', "cpu"))) return std::nullopt;
  return Mount{is_version_2, unescaped(words[3]), unescaped(words[4])};
}

// The process' own group of that version, as its hierarchy names it: "4:cpu,cpuacct:/a/b", "0::/a/b".
std::optional<fs::path> own_group(const std::string& groups, bool is_version_2) {
  for (const std::string& line : words_of(groups, '\n')) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool fits = is_version_2 ? line.starts_with("0::") : has_word(controllers, ',', "cpu");
    if (fits) return line.substr(second + 1);
  }
  return std::nullopt;
}

std::optional<int64_t> number_of(const std::string& text) {
  int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [last, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc() || (last != end && *last != '\n')) return std::nullopt;
  return number;
}

// How many processors a group's own quota pays for; nullopt if it has none.
std::optional<double> quota_of(const fs::path& group, bool is_version_2) {
  std::optional<int64_t> quota;
  std::optional<int64_t> period;
  if (is_version_2) {
    const std::vector<std::string> words = words_of(text_of(group / "cpu.max"), ' ');
    if (words.size() != 2) return std::nullopt;
    quota = number_of(words[0]);  // none of "max"
    period = number_of(words[1]);
  } else {
    quota = number_of(text_of(group / "cpu.cfs_quota_us"));
    period = number_of(text_of(group / "cpu.cfs_period_us"));
  }
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

int allowed_processors() {
  // Larger machines than the fixed-size set knows refuse it.
  for (size_t size = CPU_SETSIZE; size <= size_t{1} << 20; size *= 2) {
    cpu_set_t* const set = CPU_ALLOC(size);
    if (set == nullptr) break;
    const bool is_read = ::sched_getaffinity(0, CPU_ALLOC_SIZE(size), set) == 0;
    const int count = is_read ? CPU_COUNT_S(CPU_ALLOC_SIZE(size), set) : 0;
    CPU_FREE(set);
    if (count > 0) return count;
  }
  return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

}  // namespace

int processors_under(const fs::path& root, int allowed) {
  double processors = std::max(1, allowed);
  const std::string groups = text_of(root / "proc/self/cgroup");
  for (const std::string& line : words_of(text_of(root / "proc/self/mountinfo"), '\n')) {
    const std::optional<Mount> mount = cpu_mount(line);
    if (!mount) continue;
    const std::optional<fs::path> own = own_group(groups, mount->is_version_2);
    if (!own) continue;
    // Seen from inside a container the process may be in a group that the mount does not show.
    const fs::path inside = own->lexically_relative(mount->group);
    const bool is_shown = !inside.empty() && *inside.begin() != "..";
    const fs::path top = root / mount->place.relative_path();
    fs::path group = is_shown && inside != "." ? top / inside : top;
    for (;; group = group.parent_path()) {
      const std::optional<double> quota = quota_of(group, mount->is_version_2);
      if (quota) processors = std::min(processors, std::max(1.0, std::round(*quota)));
      if (group == top) break;
    }
  }
  return static_cast<int>(processors);
}

int available_processors() {
  return processors_under("/", allowed_processors());
}

}  // namespace templar
