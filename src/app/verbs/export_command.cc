#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include "app/run/run_files.h"
#include "app/terminal/progress_line.h"
#include "app/terminal/standard_output.h"
#include "app/terminal/stop_signal.h"
#include "app/terminal/tell.h"
#include "app/verbs/verbs.h"
#include "app/world/checkpoint_places.h"
#include "base/files/file.h"
#include "formats/gguf/gguf_export.h"
#include "formats/hugging_face/hugging_face_export.h"
#include "formats/safetensors/safetensors.h"
#include "formats/safetensors/safetensors_export.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

struct ExportOptions {
  std::string place, out;
  std::string format = "hf";
  std::string dtype = "f32";
  uint64_t shard_bytes = 5'000'000'000;
  bool force = false;
};

// A folder goes only where nothing is lost: over an empty one, or with --force over an exported model.
Status check_folder(const fs::path& out, bool force) {
  std::error_code error;
  if (!fs::is_directory(out, error))
    return fatal_error(out.string() + ": is a file; a folder is to go there");
  if (fs::is_empty(out, error)) return {};
  if (error) return file_error(out, error.value());
  if (!force) return fatal_error(out.string() + ": exists; --force replaces a model that was exported there");
  if (is_there(out / kManifestName))
    return fatal_error(out.string() + ": is a checkpoint; it is not replaced");
  if (!is_there(out / kConfigName))
    return fatal_error(out.string() + ": is no exported model (it has no config.json); it is not replaced");
  return {};
}

// Whether that file may be one that was exported: GGUF, safetensors, or nothing yet.
bool may_be_exported(const fs::path& file) {
  constexpr std::string_view kGguf = "GGUF";
  std::array<char, kGguf.size()> beginning{};
  std::ifstream stream(file, std::ios::binary);
  stream.read(beginning.data(), std::ssize(beginning));
  if (stream.gcount() == 0) return true;
  return std::string_view(beginning.data(), static_cast<size_t>(stream.gcount())) == kGguf ||
         MappedSafetensors::open(file).has_value();
}

Status check_target(const ExportOptions& options) {
  const fs::path out = options.out;
  TRY(refuse_own_file(out));
  if (!is_there(out)) return {};
  if (options.format == "hf") return check_folder(out, options.force);
  std::error_code error;
  if (fs::is_directory(out, error)) return fatal_error(out.string() + ": is a folder; a file is to go there");
  if (!fs::is_regular_file(out, error))
    return fatal_error(out.string() + ": is a device, a pipe or a socket; a file is to go there");
  if (!options.force)
    return fatal_error(out.string() + ": exists; --force replaces a model that was exported there");
  if (!may_be_exported(out))
    return fatal_error(out.string() +
                       ": is no exported model (neither GGUF nor safetensors); it is not replaced");
  return {};
}

Status write_out(const ExportOptions& options, const ModelSource& model, NumberType type,
                 const ExportProgress& progress) {
  if (options.format == "hf")
    return export_hugging_face(model, type, options.out, options.shard_bytes, progress);
  TRY(make_folder(fs::path(options.out).parent_path()));
  if (options.format == "gguf") return export_gguf(model, type, options.out, progress);
  return export_safetensors(model, type, options.out, progress);
}

Status run_export(const ExportOptions& options) {
  catch_stop_signals();
  TRY_ASSIGN(const NumberType type, parse_number_type(options.dtype));
  TRY(check_target(options));
  ProgressLine line;
  TRY_ASSIGN(const OpenedModel opened, open_model(options.place, progress_on(line, "checked")));
  const ModelSource& model = opened.source;
  if (model.tokenizer.empty()) tell("note: the checkpoint has no tokenizer, so the model goes without one\n");
  TRY(write_out(options, model, type, progress_on(line, "wrote")));
  std::string which;
  if (opened.manifest)
    which =
        fmt::format("window {}, state root {}; ", opened.manifest->window, opened.manifest->state_root.hex());
  print("{} -> {}: {}{} parameters as {}\n", opened.name, options.out, which,
        parameter_count(parameter_layout(model.model)), name_of(type));
  return {};
}

constexpr const char* kDetails =
    "Formats:\n"
    "  hf           a directory for Hugging Face's transformers, vLLM and the like: config.json,\n"
    "               model.safetensors, tokenizer\n"
    "  gguf         one file for llama.cpp, Ollama and the like, tokenizer included\n"
    "  safetensors  the parameters alone, one file\n\n"
    "The newest whole checkpoint of PLACE is taken; what is skipped is named with its reason.\n"
    "Example: templar checkpoint export demo-out model.gguf --format gguf --dtype bf16";

}  // namespace

void add_export_command(Verb checkpoint) {
  auto options = std::make_shared<ExportOptions>();
  Verb verb =
      checkpoint.add_verb("export", "Take the model away as files that other programs open", kDetails);
  verb.add_options(
      {{"PLACE", &options->place, kModelPlaceHelp, {.required = true}},
       {"OUT", &options->out, "Where it goes: a folder for hf, else a file", {.required = true}},
       {"--format",
        &options->format,
        "hf, gguf or safetensors",
        {.allowed = OneOf{{"hf", "gguf", "safetensors"}}, .shows_default = true}},
       {"--dtype",
        &options->dtype,
        "f32 (exact), or bf16 or f16, rounded to nearest even; a value beyond f16's range is an error",
        {.allowed = OneOf{{"f32", "bf16", "f16"}}, .shows_default = true}},
       {"--shard-size",
        &options->shard_bytes,
        "hf: cut a larger model into files of at most this size, e.g. 2GB (default: 5GB)",
        {.is_size = true}},
       {"--force", &options->force, "Replace an exported model that is there already"}});
  verb.runs([options] { return run_export(*options); });
}

}  // namespace templar
