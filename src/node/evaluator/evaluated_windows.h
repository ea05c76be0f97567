// Which windows' checkpoints an evaluator has done: a text file, one number a line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>

#include "base/result.h"

namespace templar {

// Empty if there is no such file, or the name is empty. Fails (fatal) if the file holds anything else.
[[nodiscard]] Result<std::set<int64_t>> read_evaluated_windows(const std::filesystem::path& file);
// Writes the file whole or not at all; does nothing if the name is empty. Fails (fatal) where it can't be
// written.
[[nodiscard]] Status write_evaluated_windows(const std::filesystem::path& file,
                                             const std::set<int64_t>& windows);

}  // namespace templar
