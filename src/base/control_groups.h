// The control groups of Linux that limit this process: where their files are, and how these are read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace templar {

struct ControlGroup {
  std::filesystem::path folder;
  bool is_version_2 = false;  // of the interface: its files have other names
};

// The groups of that controller ("cpu", "memory") that the process of ROOT/proc/self is in: its own, then
// those above it up to the top of what is mounted. Read are ROOT/proc/self/cgroup and
// ROOT/proc/self/mountinfo; what is missing or says nothing gives no group.
[[nodiscard]] std::vector<ControlGroup> control_groups_under(const std::filesystem::path& root,
                                                             std::string_view controller);

// A file of a group; empty where it can't be read.
[[nodiscard]] std::string group_text(const std::filesystem::path& file);
// A whole number, perhaps with a line's end; nullopt for all else, such as "max".
[[nodiscard]] std::optional<int64_t> group_number(const std::string& text);

}  // namespace templar
