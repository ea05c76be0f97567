// `templar bench`: how fast this machine does what a node does.
#include "app/bench/bench_verbs.h"
#include "app/verbs/verbs.h"

namespace templar {

void add_bench_command(Verb program) {
  Verb bench = program.add_verb("bench", "Measure this machine");
  add_train_bench_command(bench);
  add_codec_bench_command(bench);
  add_aggregate_bench_command(bench);
  add_checkpoint_bench_command(bench);
  add_rejoin_bench_command(bench);
  add_evaluate_bench_command(bench);
  add_metrics_bench_command(bench);
}

}  // namespace templar
