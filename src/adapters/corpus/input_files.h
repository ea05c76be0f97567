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
  uint64_t size_bytes = 0;     // 0 for a stream
  bool is_stream = false;      // a pipe or standard input: nobody can tell its size

  [[nodiscard]] bool is_standard_input() const { return path == kStandardInput; }
};

// A file or folder that was not taken, and why, for people.
struct LeftOut {
  std::filesystem::path path;
  std::string reason;
};

struct InputListing {
  std::vector<InputFile> files;
  std::vector<LeftOut> left_out;  // in the order in which they were met
};

struct InputOptions {
  // Without dot, in any case; of files in folders; a .gz, .zst or .zstd behind them is overlooked; empty:
  // all.
  std::vector<std::string> extensions;
  std::filesystem::path excluded;  // a folder that is not entered (where the result goes); may not exist
  uint64_t seed = 0;
};

// The regular files of every folder, taken recursively, and the given files themselves, ordered by a hash of
// seed and name: neighbours in the corpus come from all over it, so that its first megabytes are a fair
// sample. Links are followed, but no file or folder is taken twice (by its inode). In folders hidden names,
// broken links, special files, files of other extensions and what is never text (never_text.h) are left out.
// Fails (fatal) where an input is missing or a folder can't be read, and where an input itself is never text.
[[nodiscard]] Result<InputListing> list_input_files(const std::vector<std::string>& inputs,
                                                    const InputOptions& options);

}  // namespace templar
