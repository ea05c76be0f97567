// `templar bench rejoin`.
#pragma once

namespace CLI {
class App;
}

namespace templar {

// How long a node that was away takes to be in sync again, beside load + windows x (decode + outer step) of
// the same run.
void add_bench_rejoin_command(CLI::App& bench, int& exit_code);

}  // namespace templar
