// What a localnet leaves behind at its end: summary.json, the model directory, the loss curve and a few lines
// of generated text.
#pragma once

#include <cstdint>
#include <string>

#include "app/localnet/run_folder.h"
#include "app/run/run_view.h"

namespace templar {

// summary.json, flat:
//   windows                    windows that were closed
//   nodes                      miners, validator and evaluator together
//   roots_agree                every node reported the same state root in every window
//   heldout_loss_first, _last  of the first and the newest checkpoint [nats a token]
//   heldout_loss_plain_adamw   of a plain AdamW run with as many steps as one miner took, or null without one
//   uniform_loss               ln(vocabulary): a model that knows nothing
//   contribution_bytes_mean    all headers included
//   ratio_to_f32               the model's f32 bytes divided by that
//   tokens                     trained on, by all miners
//   tokens_per_second          tokens / train_seconds
//   train_seconds              wall time while nodes ran, total_seconds: data preparation and results
//   included; over all calls state_root                 of the last window's end
[[nodiscard]] std::string summary_json(const LocalRun& run, const RunView& known);

// Writes everything; returns the generated text. Fails where nothing has been trained yet, and as the file
// system does.
[[nodiscard]] Result<std::string> write_results(const LocalRun& run, const RunView& known);

}  // namespace templar
