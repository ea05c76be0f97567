// The program's verbs. Each function adds one to the command line that `program` is the root of, with the
// verbs below it. Exit codes of all are those of exit_code_of, unless it is said otherwise; a reason stands
// on standard error.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "app/command_line/command_line.h"

namespace templar {

void add_localnet_command(Verb program);   // 3 where all windows are there and an alarm of the run stands
void add_dashboard_command(Verb program);  // Ctrl-C is how it ends: exit code 0
void add_data_command(Verb program);       // prepare, show, verify, push
// gauntlet and attacks, verbs of `sim`.
void add_gauntlet_commands(Verb sim);
// push, a verb of `data`. What has been sent when it fails or is interrupted counts at the next call.
void add_data_push_command(Verb data);
void add_run_command(Verb program);  // show, check, fields
// miner, validator and evaluator. 3 where one has finished and an alarm stands.
void add_node_commands(Verb program);
// verify, ls, show, diff, export. 1 also where a checkpoint is bad, a place holds none, or two differ.
void add_checkpoint_command(Verb program);
// export, a verb of `checkpoint`. What is at the target stays as it was if it fails.
void add_export_command(Verb checkpoint);
// If it is interrupted, what was generated until then has been printed.
void add_generate_command(Verb program);
void add_tokenize_command(Verb program);
void add_contribution_command(Verb program);  // inspect
void add_key_command(Verb program);           // new, show
void add_ledger_command(Verb program);        // show, run. Ctrl-C is how run ends: exit code 0

// Runs the program with other arguments in the same process, and returns the exit code.
using RunArguments = std::function<int(const std::vector<std::string>& arguments)>;
// init, join, status, stake, admit, remove, end-term.
void add_network_command(Verb program, const RunArguments& run_arguments);
// The verbs of `network` in sources of their own.
void add_network_init_command(Verb network);
// The exit code is that of the node's own verb, once that runs.
void add_network_join_command(Verb network, const RunArguments& run_arguments);
// 3 where an alarm stands.
void add_network_status_command(Verb network);

void add_store_command(Verb program);  // ls, du, get, put, rm, check. 1 also where a check is BAD.
// miner, validator, evaluator. 1 also where a check FAILED.
void add_doctor_command(Verb program);
void add_top_command(Verb program);
// faults. 1 also where a rule was broken.
void add_sim_command(Verb program);
void add_bench_command(Verb program);  // app/bench/bench_verbs.h has its verbs

}  // namespace templar
