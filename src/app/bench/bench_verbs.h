// The verbs of `templar bench`. measure_x.h measures x; x_bench_command.cc is its verb, with options and
// report.
#pragma once

#include "app/command_line/command_line.h"

namespace templar {

// Each adds its verb to `bench`. All print a report for people, or with --json the same figures as JSON.
void add_train_bench_command(Verb bench);
void add_codec_bench_command(Verb bench);
void add_aggregate_bench_command(Verb bench);
void add_checkpoint_bench_command(Verb bench);
void add_rejoin_bench_command(Verb bench);
void add_evaluate_bench_command(Verb bench);
void add_metrics_bench_command(Verb bench);

}  // namespace templar
