// Run specs for tests. All are valid; change a field where a test is about that field.
#pragma once

#include "core/run/run_spec.h"

namespace templar::testing {

// A model of a few thousand parameters with all that a large one has (grouped-query attention, untied head,
// two layers, a hidden size that the chunk does not divide), windows of two inner steps, small chunks;
// everything else as preset tiny.
[[nodiscard]] RunSpec small_run_spec();

// The scoring numbers of the reference's runs over small_run_spec(), whatever the presets say today.
[[nodiscard]] RunSpec scoring_run_spec();

// For whole nodes. One layer of 16 and 32 tokens; windows of five blocks of 12 s, a checkpoint every second
// window, three gather peers and two in reserve.
[[nodiscard]] RunSpec node_run_spec();

// node_run_spec() by the seed system's rule: one gradient a window, sent after the transform.
[[nodiscard]] RunSpec demo_node_run_spec();

}  // namespace templar::testing
