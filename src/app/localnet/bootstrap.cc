#include "app/localnet/bootstrap.h"

#include <fmt/format.h>

#include <algorithm>

#include "adapters/file_store/file_object_store.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/threads/processors.h"
#include "core/consensus/state_root.h"
#include "formats/checkpoint/checkpoint_contents.h"
#include "formats/checkpoint/checkpoint_download.h"
#include "formats/hugging_face/hugging_face_import.h"

namespace templar {
namespace {

constexpr std::string_view kBootstrapBucket = "bootstrap";

int most_threads() {
  return std::clamp(available_processors(), 1, 64);
}

// The --set options that give the run the directory's shape; empty where it has it.
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
  compare("intermediate_size", there.intermediate_size, run.intermediate_size);
  compare("rope_theta", there.rope_theta, run.rope_theta);
  compare("rms_norm_eps", there.rms_norm_eps, run.rms_norm_eps);
  compare("tie_word_embeddings", there.tie_word_embeddings, run.tie_word_embeddings);
  return changes;
}

Result<ModelSource> open_directory(const std::filesystem::path& source, const ModelSpec& model) {
  TRY_ASSIGN(ModelSource opened, open_hugging_face(source));
  if (const std::string changes = needed_changes(opened.model, model); !changes.empty()) {
    return fatal_error(fmt::format("{}: its model is not the run's; give{}", source.string(), changes));
  }
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
      TRY(read_manifest(checkpoint_in_folder(source)));
    }
    return {};
  }();
  if (!checked) return fatal_error("--bootstrap: " + checked.error().message);
  return {};
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

Status copy_bootstrap(const std::filesystem::path& source, const RunSpec& spec,
                      const std::filesystem::path& store_folder) {
  // The store's other objects are stamped by the ledger; when this one was stored decides nothing.
  const SystemClock clock;
  FileObjectStore store(store_folder, clock);
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
