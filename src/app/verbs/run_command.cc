// `templar run`: what a run is.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/verbs/verbs.h"
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

void add_run_command(Verb program) {
  Verb run = program.add_verb("run", "Show, check and document run specs: what all nodes of a run agree on");

  struct Arguments {
    std::string source;
    std::vector<std::string> changes;
  };
  auto shown = std::make_shared<Arguments>();
  Verb show =
      run.add_verb("show", "Print a preset or a file as a complete run spec (JSON), to be edited or saved");
  show.add_options({{"SPEC",
                     &shown->source,
                     fmt::format("A preset ({}) or a file", fmt::join(preset_names(), ", ")),
                     {.required = true}},
                    {"--set", &shown->changes, "FIELD=VALUE, e.g. inner.steps=6; may be repeated"}});
  show.runs([shown] { return print_spec(shown->source, shown->changes); });

  auto checked = std::make_shared<std::string>();
  Verb check = run.add_verb("check", "Validate a run spec; print its id and the model's size");
  check.add_options({{"SPEC", checked.get(), "A preset or a file", {.required = true}}});
  check.runs([checked] { return check_spec(*checked); });

  run.add_verb("fields", "Document every field: type, range, effect").runs([]() -> Status {
    print_fields();
    return {};
  });
}

}  // namespace templar
