// `templar bench evaluate`.
#pragma once

namespace CLI {
class App;
}

namespace templar {

// Scores made-up multiple-choice questions choice by choice, question by question and all together.
void add_bench_evaluate_command(CLI::App& bench, int& exit_code);

}  // namespace templar
