// `templar bench metrics`.
#pragma once

namespace CLI {
class App;
}

namespace templar {

// What logging a measurement costs the thread that logs, with the outputs up and down.
void add_bench_metrics_command(CLI::App& bench, int& exit_code);

}  // namespace templar
