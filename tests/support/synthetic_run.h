// A small run of made-up pseudo-gradients through everything on the consensus path: initial model,
// compression with error feedback, sealing, parsing, clipping, aggregation, outer step, state root. Its roots
// are frozen: any machine, compiler, optimisation level or number of threads that computes another model
// fails here.
#pragma once

#include <string>
#include <vector>

#include "base/hash.h"
#include "base/thread_team.h"

namespace templar::testing {

struct SyntheticRoot {
  std::string variant;  // "sparseloco mean_all dct", ...
  Hash256 root;         // after the last window
};

// One entry for each algorithm, aggregation rule and transform.
[[nodiscard]] std::vector<SyntheticRoot> run_synthetic_consensus(ThreadTeam& team);

// BLAKE2b-256 over all roots in order.
[[nodiscard]] Hash256 combined_root(const std::vector<SyntheticRoot>& roots);

inline constexpr char kFrozenCombinedRoot[] = "2735215e34c74f00fd96018462ad7b514e1eedbb21400ca591e397a004186288";

}  // namespace templar::testing
