// What shells, terminals and schedulers send, as a flag that loops look at, so that everything ends cleanly.
#pragma once

#include <array>
#include <chrono>
#include <csignal>
#include <string>

namespace templar {

// For the whole process, from its start on: a file that may not grow further (`ulimit -f`) and a pipe that
// nobody reads are errors of the write, as a full disk is, instead of the process' end.
void survive_write_signals();

// From now on Ctrl-C, SIGTERM, SIGHUP (where `nohup` does not have it ignored), SIGXCPU, SIGUSR1 and SIGUSR2
// raise the flag. Ctrl-C or SIGTERM once more, later than half a second after the first (some tools send it
// twice), ends the process at once.
void catch_stop_signals();
[[nodiscard]] bool stop_requested();
// Returns after that time, or as soon as the flag is raised.
void pause_unless_stopped(std::chrono::milliseconds pause);

// Raises the flag as that signal would; false if signals are not caught.
bool request_stop(int signal);

// Why the flag is raised, for a person; empty where it is not, or where he knows (Ctrl-C, a closed pipe).
[[nodiscard]] std::string stop_reason();

// What catch_stop_signals catches.
inline constexpr std::array kStopSignals = {SIGINT, SIGTERM, SIGHUP, SIGXCPU, SIGUSR1, SIGUSR2};

inline constexpr int kInterruptedExitCode = 130;

}  // namespace templar
