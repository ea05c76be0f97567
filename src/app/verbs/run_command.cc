// `templar run`: what a run is.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "app/terminal/standard_output.h"
#include "app/verbs/verbs.h"
#include "app/world/device_option.h"
#include "app/world/node_memory.h"
#include "app/world/node_world.h"
#include "app/world/precision_option.h"
#include "core/run/amendment.h"
#include "core/run/parameter_layout.h"
#include "engine/device/device_memory.h"

namespace templar {
namespace {

void print_fields() {
  const auto amendable = amendable_fields();
  for (const FieldDocumentation& field : run_spec_fields()) {
    print("{}{}\n    {}{}\n    {}\n", field.path, field.optional ? " (may be left out)" : "", field.type,
          field.range.empty() ? "" : ", " + field.range, field.effect);
    const auto found = std::ranges::find(amendable, std::string_view(field.path), &AmendableField::path);
    if (found != amendable.end()) print("    Can be amended: {}\n", found->why);
  }
}

Status print_spec(const std::string& source, const std::vector<std::string>& changes) {
  TRY_ASSIGN(RunSpec spec, load_run_spec(source));
  TRY(apply_changes(spec, changes));
  print("{}", pretty_json(spec));
  return {};
}

struct MemoryArguments {
  std::string source;
  std::vector<std::string> changes;
  EngineOptions engine;
  std::optional<int> card;
};

void print_memory(std::string_view title, const EngineMemory& memory, double parameters) {
  print("  {}\n", title);
  constexpr double kMib = 1024.0 * 1024.0;
  const auto line = [&](std::string_view what, int64_t bytes) {
    const auto count = static_cast<double>(bytes);
    print("  {:>12.1f} MiB {:>8.2f} bytes a parameter  {}\n", count / kMib, count / parameters, what);
  };
  for (const MemoryEntry& entry : memory.entries) line(entry.what, entry.bytes);
  line("in all", memory.total());
}

Status print_node_memory(MemoryArguments arguments) {
  TRY_ASSIGN(RunSpec spec, load_run_spec(arguments.source));
  TRY(apply_changes(spec, arguments.changes));
  arguments.engine.micro_batch = std::min(arguments.engine.micro_batch, spec.inner.batch_size);
  TRY(check_engine(spec.model, spec.inner, arguments.engine));
  if (arguments.card) TRY(check_device_precision(arguments.engine.precision));
  const int64_t parameters = parameter_count(parameter_layout(spec.model));
  print("{} parameters; micro-batches of {} sequences of {} tokens, {}, {} threads{}\n", parameters,
        arguments.engine.micro_batch, spec.inner.sequence_length, name_of(arguments.engine.precision),
        arguments.engine.threads, arguments.engine.recompute_layers ? ", layers recomputed" : "");
  for (const NodeRole role : {NodeRole::kMiner, NodeRole::kValidator, NodeRole::kEvaluator}) {
    const NodeMemory memory = node_memory(spec, role, arguments.engine, arguments.card.has_value());
    print("\n{}\n", name_of(role));
    print_memory(arguments.card ? "engine, on the card" : "engine", memory.engine,
                 static_cast<double>(parameters));
    if (!memory.beside.entries.empty())
      print_memory("beside it", memory.beside, static_cast<double>(parameters));
  }
  return {};
}

Status check_spec(const std::string& source) {
  TRY_ASSIGN(const RunSpec spec, load_run_spec(source));
  print("{}: valid\nrun id     {}\nparameters {}\n", source, run_id(spec).hex(),
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

  auto memory = std::make_shared<MemoryArguments>();
  Verb memory_verb = run.add_verb(
      "memory", "Say what a node of each role will hold in memory, by kind; allocates nothing of it");
  memory_verb.add_options(
      {{"SPEC", &memory->source, "A preset or a file", {.required = true}},
       {"--set", &memory->changes, "FIELD=VALUE, e.g. inner.optimiser=muon; may be repeated"},
       {"--micro-batch",
        &memory->engine.micro_batch,
        "Sequences that the engine computes at once",
        {.allowed = AboveZero{}, .shows_default = true}},
       {"--threads",
        &memory->engine.threads,
        "Threads that the node computes with",
        {.allowed = IntegerRange{1, 1024}, .shows_default = true}},
       {"--recompute-layers", &memory->engine.recompute_layers,
        "A miner keeps of each layer only what enters it"},
       precision_option(memory->engine.precision),
       device_option(memory->card)});
  memory_verb.runs([memory] { return print_node_memory(*memory); });

  run.add_verb("fields", "Document every field: type, range, effect").runs([]() -> Status {
    print_fields();
    return {};
  });
}

}  // namespace templar
