// Who a test's nodes are.
#pragma once

#include <cstdint>
#include <string>

#include "base/keys/keys.h"

namespace templar::testing {

// The same pair for the same number, another one for every other. A node's number is its uid.
[[nodiscard]] KeyPair test_key(uint32_t number);

// Of the run's owner; no test_key is the same.
[[nodiscard]] KeyPair test_owner();

// "node-3".
[[nodiscard]] std::string test_bucket(uint32_t uid);

}  // namespace templar::testing
