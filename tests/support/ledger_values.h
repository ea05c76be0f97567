// What tests of ledgers say of nodes and runs.
#pragma once

#include "ports/ledger.h"
#include "support/test_key.h"

namespace templar::testing {

[[nodiscard]] inline Registration wanted_node(uint32_t number, NodeRole role = NodeRole::kMiner) {
  return {.role = role, .key = {}, .bucket = test_bucket(number), .store = ""};
}

// The run that all ledgers of these tests are of.
[[nodiscard]] inline Hash256 test_run_id() {
  return blake2b_256(as_bytes("a run"));
}

}  // namespace templar::testing
