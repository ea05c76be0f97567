// The key of a state block's hash, for those who hash a model where it lies.
#pragma once

#include <string_view>

namespace templar {

inline constexpr std::string_view kStateBlockKey = "templar state block v1";

}  // namespace templar
