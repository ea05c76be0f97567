#include "node/checkpoint/checkpoint_contents.h"

#include <fmt/format.h>

#include "node/checkpoint/hugging_face_config.h"
#include "node/checkpoint/safetensors.h"

namespace templar {
namespace {

TokenizerFile text_file(std::string_view name, std::string_view text) {
  const ByteView bytes = as_bytes(text);
  return {std::string(name), Bytes(bytes.begin(), bytes.end())};
}

}  // namespace

CheckpointManifest manifest_of(const RunSpec& spec, const CheckpointInfo& info) {
  return {.run_id = run_id(spec),
          .window = info.window,
          .outer_step = info.outer_step,
          .state_root = info.state_root,
          .files = {},
          .signer = {}};
}

Status write_model(const RunSpec& spec, ConstParameterSpans parameters,
                   const std::function<Status(ByteView)>& sink) {
  return write_safetensors(parameter_layout(spec.model), parameters, sink);
}

std::vector<TokenizerFile> small_files(const RunSpec& spec, std::span<const TokenizerFile> tokenizer) {
  std::vector<TokenizerFile> files;
  files.push_back(text_file(kConfigName, hugging_face_config(spec.model, spec.inner.sequence_length)));
  files.push_back(text_file(kRunSpecName, pretty_json(spec)));
  files.insert(files.end(), tokenizer.begin(), tokenizer.end());
  return files;
}

Result<CheckpointManifest> read_expected_manifest(const CheckpointFiles& files, std::optional<int64_t> window,
                                                  const ExpectedCheckpoint& expected) {
  TRY_ASSIGN(CheckpointManifest manifest, read_manifest(files));
  if (manifest.signer != expected.leader) {
    return skip_error(fmt::format("{}: signed by {}, the leader is {}", files.where,
                                  manifest.signer.hex().substr(0, 8), expected.leader.hex().substr(0, 8)));
  }
  if (manifest.run_id != expected.run_id) {
    return skip_error(fmt::format("{}: of run {}, ours is {}", files.where, manifest.run_id.brief(),
                                  expected.run_id.brief()));
  }
  if (window && manifest.window != *window) {
    return skip_error(fmt::format("{}: its manifest is that of window {}", files.where, manifest.window));
  }
  return manifest;
}

Result<CheckpointInfo> load_checkpoint_files(const CheckpointFiles& files, std::optional<int64_t> window,
                                             const ExpectedCheckpoint& expected, ParameterSpans parameters,
                                             ThreadTeam& team) {
  TRY_ASSIGN(const CheckpointManifest manifest, read_expected_manifest(files, window, expected));
  for (const CheckpointFile& file : manifest.files) {
    // The small files are of no use here, but a checkpoint is whole or it is none.
    if (file.name != kModelName) TRY(read_checked(files, file, [](ByteView) { return Status(); }));
  }
  TRY(read_model(files, *manifest.find(kModelName), expected.layout, parameters));
  TRY(check_state_root(files, manifest, expected.layout, parameters, team));
  return CheckpointInfo{manifest.window, manifest.outer_step, manifest.state_root};
}

}  // namespace templar
