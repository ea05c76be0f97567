// `templar checkpoint ls | show | verify | export`.
#pragma once

namespace CLI {
class App;
}

namespace templar {

// Adds the verb to the command line. When one of its subcommands has run, exit_code holds its result: 0; 1
// where a checkpoint is bad or a place holds none (said on standard error). exit_code must live as long as
// root.
void add_checkpoint_command(CLI::App& root, int& exit_code);

}  // namespace templar
