#include "node/checkpoint/checkpoint_contents.h"

#include <algorithm>
#include <atomic>

#include "node/checkpoint/hugging_face_config.h"

namespace templar {
namespace {

// Pieces that are hashed together while those before them are written.
constexpr uint64_t kPiecesOfBatch = 4;

TokenizerFile text_file(std::string_view name, std::string_view text) {
  const ByteView bytes = as_bytes(text);
  return {std::string(name), Bytes(bytes.begin(), bytes.end())};
}

// A shard's file on its way out: hashes batch after batch, each while the one before it is written.
class ShardPipeline {
 public:
  ShardPipeline(const ModelShardContent& content, ThreadTeam& team) : content_(content), team_(team) {}

  // A ContentWriter; pieces holds all hashes after it.
  [[nodiscard]] Status write(const std::function<Status(ByteView)>& sink, std::vector<Hash256>& pieces) {
    const uint64_t count = piece_count(content_.size_bytes());
    pieces.resize(count);
    for (uint64_t begin = 0; begin < count + kPiecesOfBatch; begin += kPiecesOfBatch) {
      TRY(run_batch(begin, sink, pieces));
    }
    return {};
  }

 private:
  // Hashes the batch that begins at that piece, and writes the one before it.
  [[nodiscard]] Status run_batch(uint64_t begin, const std::function<Status(ByteView)>& sink,
                                 std::vector<Hash256>& pieces) {
    Status written;
    std::atomic<uint64_t> next{0};  // job 0 is the writing, which takes longest
    team_.run([&](int) {
      for (uint64_t job = next++; job <= kPiecesOfBatch; job = next++) {
        const uint64_t piece = begin + job - 1;
        if (job == 0 && begin > 0) written = write_range(begin - kPiecesOfBatch, begin, sink);
        if (job > 0 && piece < pieces.size()) pieces[piece] = hash(piece);
      }
    });
    return written;
  }
  [[nodiscard]] Status write_range(uint64_t first_piece, uint64_t end_piece,
                                   const std::function<Status(ByteView)>& sink) const {
    return content_.for_each_part(first_piece * kPieceBytes,
                                  std::min(end_piece * kPieceBytes, content_.size_bytes()), sink);
  }
  [[nodiscard]] Hash256 hash(uint64_t piece) const {
    Blake2b hash;
    const Status hashed = content_.for_each_part(
        piece * kPieceBytes, std::min((piece + 1) * kPieceBytes, content_.size_bytes()), [&](ByteView part) {
          hash.update(part);
          return Status();
        });
    (void)hashed;  // this sink does not fail
    return hash.finish256();
  }

  const ModelShardContent& content_;
  ThreadTeam& team_;
};

Result<CheckpointFile> put_shard(const CheckpointContents& contents, const ParameterLayout& layout,
                                 const ModelShard& shard, ThreadTeam& team, const PutFile& put) {
  const ModelShardContent content(layout, contents.parameters, shard);
  CheckpointFile file{.name = shard.name, .size_bytes = content.size_bytes(), .pieces = {}};
  TRY(put(file.name, file.size_bytes, [&](const std::function<Status(ByteView)>& sink) {
    return ShardPipeline(content, team).write(sink, file.pieces);
  }));
  return file;
}

std::vector<TokenizerFile> small_files(const CheckpointContents& contents, const ParameterLayout& layout,
                                       const std::vector<ModelShard>& shards) {
  const RunSpec& spec = contents.spec;
  std::vector<TokenizerFile> files;
  files.push_back(text_file(kConfigName, hugging_face_config(spec.model, spec.inner.sequence_length)));
  files.push_back(text_file(kRunSpecName, pretty_json(spec)));
  if (shards.size() > 1) files.push_back(text_file(kModelIndexName, model_index(layout, shards)));
  files.insert(files.end(), contents.tokenizer.begin(), contents.tokenizer.end());
  return files;
}

}  // namespace

Result<CheckpointManifest> put_contents(const CheckpointContents& contents, ThreadTeam& team,
                                        const PutFile& put) {
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
  for (const ModelShard& shard : shards) {
    TRY_ASSIGN(CheckpointFile file, put_shard(contents, layout, shard, team, put));
    manifest.files.push_back(std::move(file));
  }
  return manifest;
}

}  // namespace templar
