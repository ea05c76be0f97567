// Data preparation as a person at a terminal expects it: it says how far it is, and Ctrl-C ends it cleanly.
#pragma once

#include <optional>
#include <string>

#include "adapters/corpus/prepare.h"

namespace templar {

// prepare_data with a progress line on standard error once it takes more than two seconds (in place on a
// terminal, else as lines), ended by stop_requested().
[[nodiscard]] Result<PrepareReport> prepare_with_progress(const PrepareOptions& options);

// What a tokenizer that changes text does to it, with an example; nullopt if it changes nothing.
[[nodiscard]] std::optional<std::string> tokenizer_warning(const PrepareReport& report);

}  // namespace templar
