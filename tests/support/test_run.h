// The lowest level of the test world: a run by itself, before anything is published. test_ports.h stands on
// it.
#pragma once

#include "base/hash.h"
#include "core/run/parameter_layout.h"
#include "core/run/run_spec.h"
#include "support/run_specs.h"

namespace templar::testing {

// A run's spec, with the layout of its model and the parameters that every node of the run starts from.
struct TestRun {
  explicit TestRun(const RunSpec& run_spec = small_run_spec());

  [[nodiscard]] ConstParameterSpans values() const { return parameters.spans(); }
  [[nodiscard]] Hash256 state_root() const;  // of the values as they are now

  RunSpec spec;
  ParameterLayout layout;
  ParameterBuffers parameters;
};

// Values like a pseudo-gradient's (normal, the given standard deviation), the same for the same seed.
[[nodiscard]] ParameterBuffers random_values(const ParameterLayout& layout, uint64_t seed,
                                             float deviation = 1e-3f);

}  // namespace templar::testing
