#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "app/terminal/progress_line.h"
#include "app/terminal/standard_output.h"
#include "app/verbs/verbs.h"
#include "app/world/checkpoint_places.h"
#include "formats/checkpoint/checkpoint_diff.h"
#include "formats/checkpoint/checkpoint_folder.h"

namespace templar {
namespace {

constexpr size_t kMaxRunSpecBytes = size_t{1} << 20;

Result<std::vector<CheckpointPlace>> find_all(const std::vector<std::string>& places) {
  std::vector<CheckpointPlace> all;
  for (const std::string& place : places) {
    TRY_ASSIGN(auto found, find_checkpoints(place));
    std::ranges::move(found, std::back_inserter(all));
  }
  return all;
}

uint64_t total_bytes(const CheckpointManifest& manifest) {
  uint64_t total = 0;
  for (const CheckpointFile& file : manifest.files) total += file.size_bytes;
  return total;
}

void print_report(const std::string& name, const CheckpointReport& report) {
  print("{}\n", name);
  const auto line = [](bool ok, std::string_view name, const std::string& text) {
    print("  {:<3}  {:<24}  {}\n", ok ? "OK" : "BAD", name, text);
  };
  const std::string signer = report.manifest ? "signed by " + report.manifest->signer.hex() : "";
  line(!report.manifest_problem, kManifestName, report.manifest_problem.value_or(signer));
  for (const CheckedFile& file : report.files) {
    line(!file.problem, file.name, file.problem.value_or(fmt::format("{} bytes", file.size_bytes)));
  }
  if (!report.manifest) return;
  const CheckpointManifest& manifest = *report.manifest;
  line(!report.model_problem, "model",
       report.model_problem.value_or(fmt::format("window {}, outer step {}, state root {}", manifest.window,
                                                 manifest.outer_step, manifest.state_root.hex())));
}

Status verify(const std::vector<std::string>& places, const std::string& leader_hex, int threads) {
  std::optional<PublicKey> leader;
  if (!leader_hex.empty()) {
    TRY_ASSIGN(leader, parse_public_key(leader_hex));
  }
  TRY_ASSIGN(const std::vector<CheckpointPlace> found, find_all(places));
  ThreadTeam team(threads);
  size_t bad = 0;
  for (const CheckpointPlace& checkpoint : found) {
    TRY_ASSIGN(const CheckpointReport report, verify_checkpoint(checkpoint.files, leader, team));
    print_report(checkpoint.name, report);
    bad += report.ok() ? 0 : 1;
  }
  if (bad > 0) return fatal_error(fmt::format("{} of {} checkpoints BAD", bad, found.size()));
  print("{} of {} checkpoints OK\n", found.size(), found.size());
  return {};
}

Status list(const std::vector<std::string>& places) {
  TRY_ASSIGN(const std::vector<CheckpointPlace> found, find_all(places));
  print("{:>10} {:>10} {:>12}  {:<8}  {:<8}  {:<8}  {}\n", "window", "outer step", "size", "run", "root",
        "signer", "folder");
  for (const CheckpointPlace& checkpoint : found) {
    const auto manifest = read_manifest(checkpoint.files);
    if (!manifest) {
      print("{:>10} {}: {}\n", "-", checkpoint.name, manifest.error().message);
      continue;
    }
    print("{:>10} {:>10} {:>12}  {}  {}  {}  {}\n", manifest->window, manifest->outer_step,
          human_bytes(total_bytes(*manifest)), manifest->run_id.brief(), manifest->state_root.brief(),
          manifest->signer.hex().substr(0, 8), checkpoint.name);
  }
  return {};
}

Status print_model(const CheckpointFiles& files) {
  TRY_ASSIGN(const uint64_t size_bytes, files.size_of(kRunSpecName));
  if (size_bytes > kMaxRunSpecBytes)
    return fatal_error(
        fmt::format("{}: {}: {} bytes are no run spec", files.where, kRunSpecName, size_bytes));
  Bytes text(size_bytes);
  TRY(files.read(kRunSpecName, 0, text));
  TRY_ASSIGN(const RunSpec spec, parse_run_spec(as_text(text)));
  const ModelSpec& model = spec.model;
  print("run name     {}\n", spec.name);
  print(
      "model        {} parameters: vocabulary {}, hidden {}, {} layers, {} heads ({} key-value) of {}, "
      "intermediate {}\n",
      parameter_count(parameter_layout(model)), model.vocab_size, model.hidden_size, model.num_hidden_layers,
      model.num_attention_heads, model.num_key_value_heads, model.head_width(), model.intermediate_size);
  return {};
}

Status show(const std::string& place) {
  TRY_ASSIGN(const CheckpointPlace checkpoint, checkpoint_at(place));
  TRY_ASSIGN(const CheckpointManifest manifest, read_manifest(checkpoint.files));
  print("run          {}\n", manifest.run_id.hex());
  print("window       {}, the first that starts from this model\n", manifest.window);
  print("outer step   {}\n", manifest.outer_step);
  print("began at     window {}\n", manifest.start_window);
  print("state root   {}\n", manifest.state_root.hex());
  print("signed by    {}\n", manifest.signer.hex());
  TRY(print_model(checkpoint.files));
  print("\n{:<32} {:>14}  BLAKE2b-256\n", "file", "bytes");
  for (const CheckpointFile& file : manifest.files) {
    const std::string hash = file.pieces.size() == 1 ? file.pieces[0].hex()
                                                     : fmt::format("{} pieces of 4 MiB", file.pieces.size());
    print("{:<32} {:>14}  {}\n", file.name, file.size_bytes, hash);
  }
  return {};
}

// True if they are equal to the last bit.
Result<bool> diff(const std::string& a, const std::string& b, bool all) {
  TRY_ASSIGN(const CheckpointPlace place_a, checkpoint_at(a));
  TRY_ASSIGN(const CheckpointPlace place_b, checkpoint_at(b));
  TRY_ASSIGN(const CheckpointDifference difference, compare_checkpoints(place_a.files, place_b.files));
  for (const auto* manifest : {&difference.a, &difference.b}) {
    print("{}  run {}  window {:>6}  outer step {:>6}  state root {}\n",
          manifest == &difference.a ? "a" : "b", manifest->run_id.brief(), manifest->window,
          manifest->outer_step, manifest->state_root.brief());
  }
  print("\n{:<52} {:>12} {:>12} {:>12} {:>12}\n", "parameter", "values", "different", "largest", "relative");
  size_t differing = 0;
  for (const ParameterDifference& parameter : difference.parameters) {
    differing += parameter.different > 0 ? 1 : 0;
    if (parameter.different == 0 && !all) continue;
    print("{:<52} {:>12} {:>12} {:>12.4g} {:>12.4g}\n", parameter.name, parameter.values, parameter.different,
          parameter.largest, parameter.relative);
  }
  if (differing == 0) print("equal to the last bit\n");
  if (differing > 0)
    print("{} of {} parameters differ; ||b - a|| / ||a|| = {:.4g}\n", differing, difference.parameters.size(),
          difference.relative);
  return differing == 0;
}

struct CheckpointArguments {
  std::vector<std::string> places;
  std::string place, other, leader;
  int threads = 1;
  bool all = false;
};

void add_verify_checkpoint(Verb& checkpoint) {
  auto arguments = std::make_shared<CheckpointArguments>();
  Verb verb = checkpoint.add_verb("verify", "Check every file, the signature and the state root");
  verb.add_options(
      {{"PLACE", &arguments->places, kCheckpointPlaceHelp, {.required = true}},
       {"--leader", &arguments->leader, "Public key that must have signed (default: any)"},
       {"--threads", &arguments->threads, "Threads for the state root", {.allowed = IntegerRange{1, 1024}}}});
  verb.runs([arguments] { return verify(arguments->places, arguments->leader, arguments->threads); });
}

void add_list(Verb& checkpoint) {
  auto arguments = std::make_shared<CheckpointArguments>();
  Verb verb = checkpoint.add_verb("ls", "List checkpoints, a line each");
  verb.add_options({{"PLACE", &arguments->places, kCheckpointPlaceHelp, {.required = true}}});
  verb.runs([arguments] { return list(arguments->places); });
}

void add_show_checkpoint(Verb& checkpoint) {
  auto arguments = std::make_shared<CheckpointArguments>();
  Verb verb = checkpoint.add_verb("show", "Show a checkpoint's manifest");
  verb.add_options({{"FOLDER", &arguments->place, "A checkpoint's folder or address", {.required = true}}});
  verb.runs([arguments] { return show(arguments->place); });
}

void add_diff(Verb& checkpoint) {
  auto arguments = std::make_shared<CheckpointArguments>();
  Verb verb =
      checkpoint.add_verb("diff", "Compare the models of two checkpoints; exit code 1 if they differ");
  verb.add_options({{"A", &arguments->place, "A checkpoint's folder or address", {.required = true}},
                    {"B", &arguments->other, "Another one's", {.required = true}},
                    {"--all", &arguments->all, "Also list parameters that are equal"}});
  verb.runs([arguments] {
    bool equal = false;
    const int exit_code = exit_code_of([&]() -> Status {
      TRY_ASSIGN(equal, diff(arguments->place, arguments->other, arguments->all));
      return {};
    });
    return exit_code == 0 && !equal ? 1 : exit_code;
  });
}

}  // namespace

void add_checkpoint_command(Verb program) {
  Verb checkpoint = program.add_verb("checkpoint", "Look at checkpoints, check them, take the model away");
  add_verify_checkpoint(checkpoint);
  add_list(checkpoint);
  add_show_checkpoint(checkpoint);
  add_diff(checkpoint);
  add_export_command(checkpoint);
}

}  // namespace templar
