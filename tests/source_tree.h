// The sources of this repository, for tests of their rules.
#pragma once

#include <vector>

#include "source_rules.h"

namespace templar::testing {

// Every header and source under src/ and tests/, ascending by path.
[[nodiscard]] std::vector<SourceFile> source_tree();

}  // namespace templar::testing
