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
  const std::string combined = templar::testing::combined_root(roots).hex();
  std::printf("%s  combined\n", combined.c_str());
  if (combined == templar::testing::kFrozenCombinedRoot) return 0;
  std::fprintf(stderr, "the frozen combined root is %s\n", templar::testing::kFrozenCombinedRoot);
  return 1;
}
