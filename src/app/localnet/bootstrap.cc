#include "app/localnet/bootstrap.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/world/checkpoint_model.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/threads/processors.h"
#include "core/consensus/state_root.h"
#include "formats/checkpoint/checkpoint_contents.h"
#include "formats/checkpoint/checkpoint_diff.h"
#include "formats/checkpoint/checkpoint_download.h"
#include "formats/hugging_face/hugging_face_import.h"

namespace templar {
namespace {

constexpr std::string_view kBootstrapBucket = "bootstrap";

int most_threads() {
  return std::clamp(available_processors(), 1, 64);
}

// On which two tokenizers differ that are not the same: letters, digits, spaces, signs, other scripts.
std::string text_of_many_kinds() {
  std::string text =
      "The quick brown foxes didn't jump over 12345 lazy dogs, did they?  No.\n\n\tint main(void) ";
  for (char c = ' '; c <= '~'; ++c) text += c;
  return text +
         "\r\n Gr\u00fc\u00dfe, \u0441\u043b\u043e\u0432\u043e, \u8a9e\u8a00, \u0639\u0631\u0628\u064a, "
         "\U0001f600\n";
}

// The --set options that give the run the model's shape; empty where it has it.
std::string needed_changes(const ModelSpec& there, const ModelSpec& run) {
  std::string changes;
  const auto compare = [&](std::string_view field, auto wanted, auto actual) {
    if (wanted != actual) changes += fmt::format(" --set model.{}={}", field, wanted);
  };
  compare("vocab_size", there.vocab_size, run.vocab_size);
  compare("hidden_size", there.hidden_size, run.hidden_size);
  compare("num_hidden_layers", there.num_hidden_layers, run.num_hidden_layers);
  compare("num_attention_heads", there.num_attention_heads, run.num_attention_heads);
  compare("num_key_value_heads", there.num_key_value_heads, run.num_key_value_heads);
  if (there.head_width() != run.head_width()) compare("head_dim", there.head_dim, run.head_dim);
  compare("intermediate_size", there.intermediate_size, run.intermediate_size);
  compare("rope_theta", there.rope_theta, run.rope_theta);
  compare("rms_norm_eps", there.rms_norm_eps, run.rms_norm_eps);
  compare("tie_word_embeddings", there.tie_word_embeddings, run.tie_word_embeddings);
  return changes;
}

Status check_model(const std::filesystem::path& source, const ModelSpec& there, const ModelSpec& run) {
  const std::string changes = needed_changes(there, run);
  if (changes.empty()) return {};
  return fatal_error(fmt::format("{}: its model is not the run's; give{}", source.string(), changes));
}

Result<ModelSource> open_directory(const std::filesystem::path& source, const ModelSpec& model) {
  TRY_ASSIGN(ModelSource opened, open_hugging_face(source));
  TRY(check_model(source, opened.model, model));
  return opened;
}

Result<ParameterBuffers> read_parameters(const ModelSource& source, const ParameterLayout& layout) {
  ParameterBuffers parameters(layout);
  for (size_t i = 0; i < layout.size(); ++i) {
    TRY_ASSIGN(const std::span<const float> values, source.read(i));
    std::ranges::copy(values, parameters.spans()[i].begin());
  }
  return parameters;
}

// It guards nothing: the spec names the root. The same seed gives the same files.
KeyPair signing_key(const RunSpec& spec) {
  Random random(spec.seed, "key of bootstrap");
  std::array<uint8_t, 32> key_seed;
  for (uint8_t& byte : key_seed) byte = static_cast<uint8_t>(random.next());
  return KeyPair::from_seed(key_seed);
}

Status publish_directory(const std::filesystem::path& source, const RunSpec& spec, ObjectStore& store) {
  TRY_ASSIGN(const ModelSource opened, open_directory(source, spec.model));
  const ParameterLayout layout = parameter_layout(spec.model);
  TRY_ASSIGN(const ParameterBuffers parameters, read_parameters(opened, layout));
  ThreadTeam team(most_threads());
  const CheckpointInfo info{.window = 0,
                            .outer_step = 0,
                            .state_root = compute_state_tree(layout, parameters.spans(), team).root,
                            .start_window = 0};
  if (info.state_root.hex() != spec.bootstrap.state_root)
    return fatal_error(source.string() + ": the model has changed since the run's spec was written");
  // A checkpoint's own spec begins with nothing.
  RunSpec own = spec;
  own.bootstrap = {};
  return publish_checkpoint(
      store, kBootstrapBucket,
      {.spec = own, .info = info, .parameters = parameters.spans(), .tokenizer = opened.tokenizer},
      signing_key(spec), team);
}

}  // namespace

Status check_bootstrap(const std::filesystem::path& source, const ModelSpec& model) {
  const auto checked = [&]() -> Status {
    if (is_hugging_face_folder(source)) {
      TRY(open_directory(source, model));
    } else {
      const CheckpointFiles files = checkpoint_in_folder(source);
      TRY_ASSIGN(const CheckpointManifest manifest, read_manifest(files));
      TRY_ASSIGN(const RunSpec there, read_run_spec(files, manifest));
      TRY(check_model(source, there.model, model));
    }
    return {};
  }();
  if (!checked) return fatal_error("--bootstrap: " + checked.error().message);
  return {};
}

Status check_bootstrap_tokenizer(const std::filesystem::path& source, const Tokenizer& of_data) {
  TRY_ASSIGN(const OpenedModel model, open_model(source, {}));
  if (model.source.tokenizer.empty()) return {};
  TRY_ASSIGN(const std::unique_ptr<Tokenizer> own, make_checkpoint_tokenizer(model.source));
  const std::string text = text_of_many_kinds();
  if (own->vocab_size() == of_data.vocab_size() && own->encode(text) == of_data.encode(text)) return {};
  return fatal_error(fmt::format(
      "--bootstrap: {}: its tokenizer ({}, {} tokens) is not the one of the data ({}, {} tokens); "
      "prepare the data with its own",
      source.string(), own->name(), own->vocab_size(), of_data.name(), of_data.vocab_size()));
}

Status name_bootstrap(const std::filesystem::path& source, RunSpec& spec) {
  TRY(check_bootstrap(source, spec.model));
  spec.bootstrap = {.bucket = std::string(kBootstrapBucket), .window = 0, .state_root = {}};
  if (is_hugging_face_folder(source)) {
    TRY_ASSIGN(const ModelSource opened, open_directory(source, spec.model));
    const ParameterLayout layout = parameter_layout(spec.model);
    TRY_ASSIGN(const ParameterBuffers parameters, read_parameters(opened, layout));
    ThreadTeam team(most_threads());
    spec.bootstrap.state_root = compute_state_tree(layout, parameters.spans(), team).root.hex();
  } else {
    TRY_ASSIGN(const CheckpointManifest manifest, read_manifest(checkpoint_in_folder(source)));
    spec.bootstrap.window = manifest.window;
    spec.bootstrap.state_root = manifest.state_root.hex();
  }
  return validate(spec);
}

Status copy_bootstrap(const std::filesystem::path& source, const RunSpec& spec, ObjectStore& store) {
  const auto there = read_manifest(checkpoint_in_store(store, kBootstrapBucket, spec.bootstrap.window));
  if (there && there->state_root.hex() == spec.bootstrap.state_root) return {};
  if (is_hugging_face_folder(source)) return publish_directory(source, spec, store);
  const CheckpointFiles files = checkpoint_in_folder(source);
  TRY_ASSIGN(const CheckpointManifest manifest, read_manifest(files));
  return copy_checkpoint(files, manifest, store, kBootstrapBucket);
}

bool is_in_own_store(const BootstrapSpec& bootstrap) {
  return bootstrap.bucket == kBootstrapBucket;
}

}  // namespace templar
