#include "base/threads/processors.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <thread>

#include "base/control_groups.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

// How many processors a group's own quota pays for; nullopt if it has none.
std::optional<double> quota_of(const fs::path& group, bool is_version_2) {
  std::optional<int64_t> quota;
  std::optional<int64_t> period;
  if (is_version_2) {
    const std::string text = group_text(group / "cpu.max");
    const size_t space = text.find(' ');
    if (space == std::string::npos) return std::nullopt;
    quota = group_number(text.substr(0, space));  // none of "max"
    period = group_number(text.substr(space + 1));
  } else {
    quota = group_number(group_text(group / "cpu.cfs_quota_us"));
    period = group_number(group_text(group / "cpu.cfs_period_us"));
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
  for (const ControlGroup& group : control_groups_under(root, "cpu")) {
    const std::optional<double> quota = quota_of(group.folder, group.is_version_2);
    if (quota) processors = std::min(processors, std::max(1.0, std::round(*quota)));
  }
  return static_cast<int>(processors);
}

int available_processors() {
  return processors_under("/", allowed_processors());
}

}  // namespace templar
