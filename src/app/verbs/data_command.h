// `templar data prepare | show | verify`.
#pragma once

namespace CLI {
class App;
}

namespace templar {

// Adds the verb to the command line. When one of its subcommands has run, exit_code holds its result: 0
// success, 1 failure (said on standard error), 130 interrupted. exit_code must live as long as root.
void add_data_command(CLI::App& root, int& exit_code);

}  // namespace templar
