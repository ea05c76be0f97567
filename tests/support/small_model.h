// A small model with everything about it that tests ask for.
#pragma once

#include <vector>

#include "core/run/parameter_layout.h"
#include "core/run/run_spec.h"
#include "support/run_specs.h"

namespace templar::testing {

// How a parameter is cut into chunks.
struct ChunkTotals {
  int64_t chunks = 0;      // of the parameter
  int64_t chunk_size = 0;  // values of each
  bool operator==(const ChunkTotals&) const = default;
};

// One entry a parameter. Computed from the divisor rule alone, by no code of the project's: the codec is held
// against it.
[[nodiscard]] std::vector<ChunkTotals> chunk_totals(const ParameterLayout& layout, int64_t chunk);

// The model of small_run_spec(), or of another spec, with the parameters that every node of such a run starts
// from.
struct SmallModel {
  explicit SmallModel(const RunSpec& run_spec = small_run_spec());

  RunSpec spec;
  ParameterLayout layout;
  std::vector<ChunkTotals> totals;
  ParameterBuffers parameters;
};

// Values like a pseudo-gradient's (normal, the given standard deviation), the same for the same seed.
[[nodiscard]] ParameterBuffers random_values(const ParameterLayout& layout, uint64_t seed,
                                             float deviation = 1e-3f);

}  // namespace templar::testing
