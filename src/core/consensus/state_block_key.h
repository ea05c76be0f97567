// The key of a state block's hash, for code that hashes a model in place, such as a device's kernels.
#pragma once

#include <string_view>

namespace templar {

inline constexpr std::string_view kStateBlockKey = "templar state block v1";

}  // namespace templar
