// Which files the inputs of a preparation name, in a fixed order.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace templar {

inline constexpr const char* kStandardInput = "-";

struct InputFile {
  std::filesystem::path path;  // kStandardInput: standard input
  std::string name;            // the path inside the folder that was given, or the file's own name
  uint64_t size_bytes = 0;     // 0 where nobody can tell (a pipe)

  [[nodiscard]] bool is_standard_input() const { return path == kStandardInput; }
};

struct InputOptions {
  // Without dot; of files in folders; a .gz or .zst behind them is overlooked; empty: all.
  std::vector<std::string> extensions;
  std::filesystem::path excluded;  // a folder that is not entered (where the result goes); may not exist
  uint64_t seed = 0;
};

// The regular files of every folder, taken recursively, and the given files themselves, ordered by a hash of
// seed and name: neighbours in the corpus come from all over it, so that its first megabytes are a fair
// sample. In folders hidden names, broken links and special files are passed over; links are followed, but no
// file or folder is taken twice (by its inode). Fails (fatal) where an input is missing or a folder can't be
// read.
[[nodiscard]] Result<std::vector<InputFile>> list_input_files(const std::vector<std::string>& inputs,
                                                              const InputOptions& options);

}  // namespace templar
