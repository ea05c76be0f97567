// Keys and files that a node is given when it starts.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/keys.h"
#include "core/run/run_spec.h"

namespace templar::testing {

// The same pair for the same number, another one for every other.
[[nodiscard]] KeyPair test_key(uint32_t number);

// Both write into a folder that must exist, as a person would have prepared it, and return the file's path.
// They end the test program with a message if they can't.
[[nodiscard]] std::filesystem::path write_wallet(const std::filesystem::path& folder, uint32_t number);
[[nodiscard]] std::filesystem::path write_config(const std::filesystem::path& folder, const RunSpec& spec);

}  // namespace templar::testing
