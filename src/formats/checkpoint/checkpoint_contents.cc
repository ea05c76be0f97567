#include "formats/checkpoint/checkpoint_contents.h"

#include <algorithm>
#include <atomic>
#include <iterator>

#include "base/threads/first_failure.h"
#include "base/threads/thread_team.h"
#include "core/consensus/blake2b_lanes.h"
#include "formats/hugging_face/hugging_face_config.h"

namespace templar {
namespace {

// Pieces that are hashed together.
constexpr uint64_t kPiecesOfGroup = kBlake2bLanes;
// Files that are put at once: while one waits for the disk another is hashed. More would take memory, and no
// disk is faster.
constexpr int kMaxPuts = 5;

TokenizerFile text_file(std::string_view name, std::string_view text) {
  const ByteView bytes = as_bytes(text);
  return {std::string(name), Bytes(bytes.begin(), bytes.end())};
}

// Puts a shard's file group after group of pieces: hashed together, handed on. buffer: room for a group of
// them.
Result<CheckpointFile> put_shard(const CheckpointContents& contents, const ParameterLayout& layout,
                                 const ModelShard& shard, Bytes& buffer, const PutFile& put) {
  const ModelShardContent content(layout, contents.parameters, shard);
  CheckpointFile file{.name = shard.name,
                      .size_bytes = content.size_bytes(),
                      .pieces = std::vector<Hash256>(piece_count(content.size_bytes()))};
  const auto write = [&](const std::function<Status(ByteView)>& sink) -> Status {
    for (uint64_t first = 0; first < file.pieces.size(); first += kPiecesOfGroup) {
      const uint64_t end = std::min<uint64_t>(first + kPiecesOfGroup, file.pieces.size());
      std::vector<ByteView> pieces;
      buffer.clear();
      for (uint64_t piece = first; piece < end; ++piece)
        pieces.push_back(
            content.range(piece * kPieceBytes, std::min((piece + 1) * kPieceBytes, file.size_bytes), buffer));
      blake2b_256_each(pieces, {}, std::span(file.pieces).subspan(first, end - first));
      for (const ByteView piece : pieces) TRY(sink(piece));
    }
    return {};
  };
  TRY(put(file.name, file.size_bytes, write));
  return file;
}

// Several at once; in the order of the shards.
Result<std::vector<CheckpointFile>> put_shards(const CheckpointContents& contents,
                                               const ParameterLayout& layout,
                                               const std::vector<ModelShard>& shards, int threads,
                                               const PutFile& put) {
  std::vector<CheckpointFile> files(shards.size());
  FirstFailure failure;
  std::atomic<size_t> next{0};
  ThreadTeam putters(std::min({threads + 2, kMaxPuts, static_cast<int>(shards.size())}));
  putters.run([&](int) {
    Bytes buffer;
    buffer.reserve(kPiecesOfGroup * kPieceBytes);
    for (size_t i = next++; i < shards.size() && !failure.before(i); i = next++) {
      auto file = put_shard(contents, layout, shards[i], buffer, put);
      if (file) files[i] = *std::move(file);
      if (!file) failure.note(i, std::move(file).error());
    }
  });
  TRY(failure.status());
  return files;
}

std::vector<TokenizerFile> small_files(const CheckpointContents& contents, const ParameterLayout& layout,
                                       const std::vector<ModelShard>& shards) {
  const RunSpec& spec = contents.spec;
  std::vector<TokenizerFile> files;
  files.push_back(
      text_file(kConfigName,
                to_text(hugging_face_config(spec.model, spec.inner.sequence_length), {.indent = 2}) + "\n"));
  files.push_back(text_file(kRunSpecName, pretty_json(spec)));
  if (shards.size() > 1) files.push_back(text_file(kModelIndexName, model_index(layout, shards)));
  files.insert(files.end(), contents.tokenizer.begin(), contents.tokenizer.end());
  return files;
}

}  // namespace

Result<CheckpointManifest> put_contents(const CheckpointContents& contents, int threads, const PutFile& put) {
  CheckpointManifest manifest{.run_id = run_id(contents.spec),
                              .window = contents.info.window,
                              .outer_step = contents.info.outer_step,
                              .start_window = contents.info.start_window,
                              .state_root = contents.info.state_root,
                              .files = {},
                              .signer = {}};
  const ParameterLayout layout = parameter_layout(contents.spec.model);
  const std::vector<ModelShard> shards = plan_shards(layout, contents.shard_bytes);
  for (const TokenizerFile& file : small_files(contents, layout, shards)) {
    TRY(check_checkpoint_file_name(file.name));
    TRY(put(file.name, file.content.size(), [&](const auto& sink) { return sink(file.content); }));
    manifest.files.push_back({file.name, file.content.size(), hash_pieces(file.content)});
  }
  TRY_ASSIGN(std::vector<CheckpointFile> model, put_shards(contents, layout, shards, threads, put));
  std::ranges::move(model, std::back_inserter(manifest.files));
  return manifest;
}

}  // namespace templar
