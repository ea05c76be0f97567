// The program as a processor without AVX-512 runs it: the kernels take AVX2, whatever this one has.
// tests/integration/deterministic_test.sh builds and runs it.
#include <hwy/targets.h>

#include "app/verbs/templar.h"

int main(int argc, char** argv) {
  // Of Highway's targets for x86-64, a better one has a lower bit.
  hwy::DisableTargets(HWY_AVX2 - 1);
  return templar::run_templar(argc, argv);
}
