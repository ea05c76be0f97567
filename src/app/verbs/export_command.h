// `templar checkpoint export`.
#pragma once

namespace CLI {
class App;
}

namespace templar {

// Adds the verb to those of `templar checkpoint`. When it has run, exit_code holds its result: 0; 1 with the
// reason on standard error; 130 interrupted. What was at the target is then as it was.
void add_export_verb(CLI::App& checkpoint, int& exit_code);

}  // namespace templar
