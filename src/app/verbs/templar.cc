#include "app/verbs/templar.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "app/verbs/checkpoint_command.h"
#include "app/verbs/command.h"
#include "app/verbs/data_command.h"
#include "app/verbs/generate_command.h"

namespace templar {
namespace {

constexpr const char* kDescription =
    "Templar trains language models across machines that don't trust each other.\n"
    "Begin with: templar localnet --data FOLDER_OF_TEXT\n"
    "Each verb explains itself: templar VERB --help";

// Names a verb that does not exist; CLI11 would only say that one is missing.
bool is_unknown_verb(const CLI::App& app, int argc, char** argv) {
  const CLI::App* level = &app;
  std::string path = "templar";
  for (int i = 1; i < argc && argv[i][0] != '-'; ++i) {
    const std::vector<const CLI::App*> verbs = level->get_subcommands(nullptr);
    if (verbs.empty()) return false;
    const auto found = std::ranges::find(verbs, argv[i], &CLI::App::get_name);
    if (found == verbs.end()) {
      std::vector<std::string> names;
      for (const CLI::App* verb : verbs) names.push_back(verb->get_name());
      fmt::print(stderr, "{} has no verb '{}'; it has {}\n", path, argv[i], fmt::join(names, ", "));
      return true;
    }
    level = *found;
    path += " " + level->get_name();
  }
  return false;
}

}  // namespace

int run_templar(int argc, char** argv) {
  CLI::App app(kDescription, "templar");
  app.set_version_flag("--version", TEMPLAR_VERSION);
  app.require_subcommand(1);
  int exit_code = 0;
  add_localnet_command(app, exit_code);
  add_dashboard_command(app, exit_code);
  add_data_command(app, exit_code);
  add_run_command(app, exit_code);
  add_node_commands(app, exit_code);
  add_checkpoint_command(app, exit_code);
  add_generate_command(app, exit_code);
  add_tokenize_command(app, exit_code);
  add_contribution_command(app, exit_code);
  add_key_command(app, exit_code);
  add_top_command(app, exit_code);
  add_bench_command(app, exit_code);
  if (argc == 1) {
    std::fputs(app.help().c_str(), stderr);
    return 2;
  }
  if (is_unknown_verb(app, argc, argv)) return 2;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11 says what was wrong and returns a code of its own; 2 is what shells expect of a usage error.
    return app.exit(error) == 0 ? 0 : 2;
  }
  return exit_code;
}

}  // namespace templar
