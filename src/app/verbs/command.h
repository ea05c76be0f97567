// What all verbs share.
#pragma once

#include <functional>

#include "base/result.h"

namespace CLI {
class App;
}

namespace templar {

// Runs a verb's work and turns its outcome into an exit code: 0; 1 with the error's message on standard
// error; 130 where the work ended because somebody interrupted it.
[[nodiscard]] int run_command(const std::function<Status()>& work);

// Each adds one verb. When it (or one of its own verbs) has run, exit_code holds its result.
void add_localnet_command(CLI::App& root, int& exit_code);
void add_node_commands(CLI::App& root, int& exit_code);  // miner, validator, evaluator
void add_run_command(CLI::App& root, int& exit_code);
void add_key_command(CLI::App& root, int& exit_code);
void add_contribution_command(CLI::App& root, int& exit_code);
void add_top_command(CLI::App& root, int& exit_code);
void add_bench_command(CLI::App& root, int& exit_code);
void add_dashboard_command(CLI::App& root, int& exit_code);

}  // namespace templar
