// Run specs for tests. Both are valid; change a field where a test is about that field.
#pragma once

#include "core/protocol/parameter_layout.h"
#include "core/protocol/run_spec.h"

namespace templar::testing {

// A model of a few thousand parameters with all that a large one has (grouped-query attention, untied head,
// two layers, a hidden size that the chunk does not divide), windows of two inner steps, small chunks;
// everything else as preset tiny.
[[nodiscard]] RunSpec small_run_spec();

// The scoring numbers of the reference's runs over small_run_spec(), whatever the presets say today.
[[nodiscard]] RunSpec scoring_run_spec();

// The number of values of each chunk of each parameter under the spec's chunk: what a dense contribution
// would hold, computed by the divisor rule itself and not by the codec, so that the codec can be held against
// it.
struct ChunkTotals {
  int64_t chunks = 0;      // of the parameter
  int64_t chunk_size = 0;  // values of each
  bool operator==(const ChunkTotals&) const = default;
};
[[nodiscard]] std::vector<ChunkTotals> chunk_totals(const ParameterLayout& layout, int64_t chunk);

}  // namespace templar::testing
