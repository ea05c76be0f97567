// Prints the contributions' hashes and the state roots of the synthetic run and fails if they are not the
// frozen ones. scripts/check-determinism.sh builds it with each compiler and optimisation level.
#include <cstdio>
#include <cstdlib>

#include "support/synthetic_run.h"

int main(int argc, char** argv) {
  templar::ThreadTeam team(argc > 1 ? std::atoi(argv[1]) : 1);
  const auto roots = templar::testing::run_synthetic_consensus(team);
  for (const auto& entry : roots) {
    std::printf("%s  %s  %s\n", entry.contributions.hex().c_str(), entry.root.hex().c_str(),
                entry.variant.c_str());
  }
  const templar::testing::CombinedRoots combined = templar::testing::combined_roots(roots);
  std::printf("%s  combined\n", combined.with_quantiser.c_str());
  std::printf("%s  combined, without a quantiser\n", combined.without_quantiser.c_str());
  const templar::testing::CombinedRoots& frozen = templar::testing::kFrozenRoots;
  if (combined == frozen) return 0;
  std::fprintf(stderr, "the frozen combined roots are %s and %s\n", frozen.with_quantiser.c_str(),
               frozen.without_quantiser.c_str());
  return 1;
}
