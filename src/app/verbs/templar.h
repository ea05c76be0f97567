// The program: its verbs and what they need.
#pragma once

namespace templar {

// Parses the command line, runs the verb and returns the exit code: 0 success, 1 failure (said on standard
// error), 2 usage, 3 success although an alarm stands (nodes and localnet), 130 interrupted.
int run_templar(int argc, char** argv);

}  // namespace templar
