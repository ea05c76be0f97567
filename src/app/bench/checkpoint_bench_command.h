// `templar bench checkpoint`.
#pragma once

namespace CLI {
class App;
}

namespace templar {

void add_bench_checkpoint_command(CLI::App& bench, int& exit_code);

}  // namespace templar
