#include "app/verbs/templar.h"

#include "app/verbs/verbs.h"

namespace templar {
namespace {

constexpr const char* kDescription =
    "Templar trains language models across machines that don't trust each other.\n"
    "Begin with: templar localnet --data FOLDER_OF_TEXT\n"
    "Each verb explains itself: templar VERB --help";

}  // namespace

int run_templar(int argc, char** argv) {
  CommandLine command_line("templar", kDescription, TEMPLAR_VERSION);
  const Verb program = command_line.root();
  add_localnet_command(program);
  add_dashboard_command(program);
  add_data_command(program);
  add_run_command(program);
  add_node_commands(program);
  add_checkpoint_command(program);
  add_generate_command(program);
  add_tokenize_command(program);
  add_contribution_command(program);
  add_key_command(program);
  add_top_command(program);
  add_bench_command(program);
  return command_line.run({argv + 1, argv + argc});
}

}  // namespace templar
