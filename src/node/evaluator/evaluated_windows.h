// Which windows' checkpoints an evaluator has done: a text file, one number a line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>

#include "base/result.h"

namespace templar {

// None where there is no such file, or no name. Fails (fatal) where it is something else.
[[nodiscard]] Result<std::set<int64_t>> read_evaluated_windows(const std::filesystem::path& file);
// Whole or not at all; nothing without a name. Fails (fatal) as the disk does.
[[nodiscard]] Status write_evaluated_windows(const std::filesystem::path& file,
                                             const std::set<int64_t>& windows);

}  // namespace templar
