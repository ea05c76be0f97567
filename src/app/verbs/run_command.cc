// `templar run`: what a run is.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "app/verbs/command.h"
#include "app/world/node_world.h"
#include "core/run/parameter_layout.h"

namespace templar {
namespace {

void print_fields() {
  for (const FieldDocumentation& field : run_spec_fields()) {
    fmt::print("{}\n    {}{}\n    {}\n", field.path, field.type,
               field.range.empty() ? "" : ", " + field.range, field.effect);
  }
}

Status print_spec(const std::string& source, const std::vector<std::string>& changes) {
  TRY_ASSIGN(RunSpec spec, load_run_spec(source));
  TRY(apply_changes(spec, changes));
  fmt::print("{}", pretty_json(spec));
  return {};
}

Status check_spec(const std::string& source) {
  TRY_ASSIGN(const RunSpec spec, load_run_spec(source));
  fmt::print("{}: valid\nrun id     {}\nparameters {}\n", source, run_id(spec).hex(),
             parameter_count(parameter_layout(spec.model)));
  return {};
}

}  // namespace

void add_run_command(CLI::App& root, int& exit_code) {
  CLI::App* verb =
      root.add_subcommand("run", "Show, check and document run specs: what all nodes of a run agree on")
          ->require_subcommand(1);

  struct Arguments {
    std::string source;
    std::vector<std::string> changes;
  };
  auto shown = std::make_shared<Arguments>();
  CLI::App* show = verb->add_subcommand(
      "show", "Print a preset or a file as a complete run spec (JSON), to be edited or saved");
  show->add_option("SPEC", shown->source,
                   "A preset (" + CLI::detail::join(preset_names(), ", ") + ") or a file")
      ->required();
  show->add_option("--set", shown->changes, "FIELD=VALUE, e.g. inner.steps=6; may be repeated")->take_all();
  show->callback([shown, &exit_code] {
    exit_code = run_command([&] { return print_spec(shown->source, shown->changes); });
  });

  auto checked = std::make_shared<Arguments>();
  CLI::App* check = verb->add_subcommand("check", "Validate a run spec; print its id and the model's size");
  check->add_option("SPEC", checked->source, "A preset or a file")->required();
  check->callback(
      [checked, &exit_code] { exit_code = run_command([&] { return check_spec(checked->source); }); });

  CLI::App* fields = verb->add_subcommand("fields", "Document every field: type, range, effect");
  fields->callback([&exit_code] {
    exit_code = run_command([]() -> Status {
      print_fields();
      return {};
    });
  });
}

}  // namespace templar
