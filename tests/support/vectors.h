// Where the reference numbers are: the folder in the environment variable TEMPLAR_TEST_VECTORS if it is set,
// so that other numbers of the same form can be tried against the same binary; else tests/vectors/ of the
// source tree.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/json/json.h"

namespace templar::testing {

[[nodiscard]] std::filesystem::path vector_path(std::string_view name);

// The parsed file; ends the test program with a message if it is missing or malformed.
[[nodiscard]] Json load_vector_json(std::string_view name);

// The root of the source tree.
[[nodiscard]] std::filesystem::path source_path(std::string_view relative);

}  // namespace templar::testing
