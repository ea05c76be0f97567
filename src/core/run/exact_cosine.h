// A cosine that is the same on every machine: only additions, multiplications and divisions in a written
// order, no library.
#pragma once

#include <cstdint>

namespace templar {

// cos(pi m / 2n) for 0 <= m <= 2n, n >= 1. Within one unit in the last place of a double.
[[nodiscard]] double exact_cosine(int64_t m, int64_t n);

}  // namespace templar
