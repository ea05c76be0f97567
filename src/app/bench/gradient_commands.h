// `templar bench codec` and `templar bench aggregate`.
#pragma once

namespace CLI {
class App;
}

namespace templar {

// Both measure the gradient pipeline beside a memcpy of the same bytes in the same run.
void add_bench_codec_command(CLI::App& bench, int& exit_code);
void add_bench_aggregate_command(CLI::App& bench, int& exit_code);

}  // namespace templar
