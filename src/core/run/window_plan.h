// Which window it is, when its contributions count, and where it stands in the schedule: pure functions of
// the run spec and the ledger's blocks.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "core/run/run_spec.h"

namespace templar {

[[nodiscard]] inline int64_t window_of_block(const NetworkSpec& network, int64_t block) {
  return block / network.blocks_per_window;
}
[[nodiscard]] inline int64_t first_block_of_window(const NetworkSpec& network, int64_t window) {
  return window * network.blocks_per_window;
}

// When a contribution must have been stored, in the ledger's time: opens_ms <= stored < uploads_end_ms; and,
// where uploads are sealed, its key: stored < closes_ms. All are whole seconds, those that the moments lie
// in: stores tell the time of an object in no smaller unit. Whoever reads the store at closes_ms or later
// finds everything that counts.
struct PutWindow {
  TimestampMs opens_ms = 0;  // the window's first block
  // The first moment that is too late for a contribution: the next window's first block where uploads are
  // sealed, so that the time up to closes_ms is the keys' alone; else closes_ms.
  TimestampMs uploads_end_ms = 0;
  TimestampMs closes_ms = 0;  // the next window's first block + put_window_seconds
};
[[nodiscard]] inline PutWindow put_window(const NetworkSpec& network, TimestampMs first_block_ms,
                                          TimestampMs next_first_block_ms) {
  const auto whole_seconds = [](TimestampMs time_ms) { return time_ms - time_ms % 1000; };
  const TimestampMs window_ends_ms = whole_seconds(next_first_block_ms);
  const TimestampMs closes_ms = window_ends_ms + network.put_window_seconds * 1000;
  return {whole_seconds(first_block_ms), network.sealed_uploads ? window_ends_ms : closes_ms, closes_ms};
}

// What a window is, once its first block is made.
struct WindowPlan {
  int64_t window = 0;
  int64_t outer_step = 0;        // outer steps that were made before it (a null round makes none)
  int64_t first_inner_step = 0;  // position in the learning rate's schedule
  int64_t shard_outer_step = 0;  // outer steps since the shards began with the first
  int64_t outer_steps_per_shard = 1;
};
[[nodiscard]] inline WindowPlan plan_window(const RunSpec& spec, int64_t window, int64_t outer_step) {
  const int64_t reset = spec.data.reset_outer_step;
  return {.window = window,
          .outer_step = outer_step,
          .first_inner_step = outer_step * spec.inner.steps,
          .shard_outer_step = reset > 0 && outer_step >= reset ? outer_step - reset : outer_step,
          .outer_steps_per_shard = spec.data.outer_steps_per_shard};
}

// Whether the leader makes a new peer list when it closes the given window. A list holds from the window
// closed_window + peer_list_window_margin on, and lists are replaced at multiples of
// peer_replacement_frequency.
[[nodiscard]] inline bool makes_peer_list(const NetworkSpec& network, int64_t closed_window) {
  return (closed_window + network.peer_list_window_margin) % network.peer_replacement_frequency == 0;
}

}  // namespace templar
