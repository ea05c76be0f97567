// The hash that a manifest holds of a file.
#pragma once

#include <filesystem>

#include "base/hash.h"
#include "base/result.h"

namespace templar {

// BLAKE2b-256 of the file's bytes, read in pieces. Fails (fatal) where it can't be read.
[[nodiscard]] Result<Hash256> hash_file(const std::filesystem::path& path);

}  // namespace templar
