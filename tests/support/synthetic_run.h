// A small run of made-up pseudo-gradients through everything on the consensus path: initial model,
// compression with error feedback, sealing, parsing, clipping, aggregation, outer step, state root. Its roots
// are frozen: any machine, compiler, optimisation level or number of threads that computes another model
// fails here.
#pragma once

#include <string>
#include <vector>

#include "base/hash.h"
#include "base/threads/thread_team.h"

namespace templar::testing {

struct SyntheticRoot {
  std::string variant;    // "sparseloco mean_all block_log dct", ...
  Hash256 contributions;  // BLAKE2b-256 over the content hashes of all that was sent
  Hash256 root;           // after the last window
};

// One entry for each algorithm, aggregation rule, quantiser and transform; those without a quantiser come
// last.
[[nodiscard]] std::vector<SyntheticRoot> run_synthetic_consensus(ThreadTeam& team);

// BLAKE2b-256 over those with a quantiser, and over those without one, in order.
struct CombinedRoots {
  std::string with_quantiser;
  std::string without_quantiser;

  bool operator==(const CombinedRoots&) const = default;
};
[[nodiscard]] CombinedRoots combined_roots(const std::vector<SyntheticRoot>& roots);

inline const CombinedRoots kFrozenRoots{
    .with_quantiser = "ef1ab7087a17283b9b5ada2a668e7cd7700471d2e7edbab09d9eb3a95fccdb5e",
    .without_quantiser = "47b7c226b0aceb9990d8081f6402898fd5c576d1941b3aa8c22c589972bc983f"};

}  // namespace templar::testing
