// How many threads can compute at once.
#pragma once

#include <filesystem>

namespace templar {

// For this process: the processors that it may run on (affinity, cpuset), or fewer where a control group that
// it is in, or one above, has a quota of processor time: as many as the quota pays for, rounded to the
// nearest. At least 1.
[[nodiscard]] int available_processors();

// The same of a tree of files, with `allowed` processors. Read are ROOT/proc/self/cgroup,
// ROOT/proc/self/mountinfo, and cpu.max (version 2) or cpu.cfs_quota_us and cpu.cfs_period_us (version 1) of
// the groups from the process' own up to the mount's top. What is missing or says nothing limits nothing.
[[nodiscard]] int processors_under(const std::filesystem::path& root, int allowed);

}  // namespace templar
