// The part of reading a block that looks at every bit of it.
#pragma once

#include "core/coding/coded_block.h"

namespace templar {

// Decodes all of a block once, and compares what it chose with what is cheapest. block's head has been read
// and its segments lie inside its bytes. Fails (skip) and names the field and the number.
[[nodiscard]] Result<CheckedBlock> check_block(CodedBlock block);

}  // namespace templar
