// A run's model as a checkpoint. In a header alone, so that only tests of rooms that may use formats/ need to
// link it.
#pragma once

#include "formats/checkpoint/checkpoint_contents.h"
#include "support/test_run.h"

namespace templar::testing {

// The run's model as it is now. Run and tokenizer must outlive the contents.
[[nodiscard]] inline CheckpointContents checkpoint_of(const TestRun& run, int64_t window, int64_t outer_step,
                                                      std::span<const TokenizerFile> tokenizer = {}) {
  return {.spec = run.spec,
          .info = {.window = window, .outer_step = outer_step, .state_root = run.state_root()},
          .parameters = run.values(),
          .tokenizer = tokenizer};
}

}  // namespace templar::testing
