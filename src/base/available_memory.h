// How much memory this process may still take.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace templar {

// What the system has left without swapping (MemAvailable), or less where a control group that the process is
// in, or one above, has a limit: what is left below it, where the group's file cache counts as free. Never
// negative; nullopt where the system does not say.
[[nodiscard]] std::optional<int64_t> available_memory_bytes();

// The same of a tree of files: ROOT/proc/meminfo, and memory.max, memory.current and memory.stat (version 2)
// or memory.limit_in_bytes, memory.usage_in_bytes and memory.stat (version 1) of the control groups.
[[nodiscard]] std::optional<int64_t> memory_under(const std::filesystem::path& root);

}  // namespace templar
