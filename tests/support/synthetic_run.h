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

inline constexpr char kFrozenCombinedRoot[] = "1130248eaf4aeb0ef71493139bf45361ad84c701f16689d6564ba0408f861dd0";

}  // namespace templar::testing
