// Ctrl-C and SIGTERM as a flag that loops look at, so that everything ends cleanly.
#pragma once

namespace templar {

// From now on the first signal raises the flag; a second one ends the process at once.
void catch_stop_signals();
[[nodiscard]] bool stop_requested();

inline constexpr int kInterruptedExitCode = 130;

}  // namespace templar
