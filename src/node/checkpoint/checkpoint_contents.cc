#include "node/checkpoint/checkpoint_contents.h"

#include <algorithm>
#include <array>
#include <atomic>

#include "core/consensus/blake2b_lanes.h"
#include "node/checkpoint/hugging_face_config.h"

namespace templar {
namespace {

// Pieces of a group are hashed together, the groups of a batch while the batch before is written. Threads beyond these few
// would take memory, and no disk is faster.
constexpr uint64_t kPiecesOfGroup = kBlake2bLanes;
constexpr uint64_t kGroupsOfBatch = 2;
constexpr uint64_t kPiecesOfBatch = kPiecesOfGroup * kGroupsOfBatch;

TokenizerFile text_file(std::string_view name, std::string_view text) {
  const ByteView bytes = as_bytes(text);
  return {std::string(name), Bytes(bytes.begin(), bytes.end())};
}

// Room for the groups of a batch.
using GroupBuffers = std::array<Bytes, kGroupsOfBatch>;

GroupBuffers make_buffers(uint64_t largest_bytes) {
  GroupBuffers buffers;
  for (Bytes& buffer : buffers) buffer.reserve(std::min(largest_bytes, kPiecesOfGroup * kPieceBytes));
  return buffers;
}

// A shard's file on its way out: hashes batch after batch, each while the one before it is written.
class ShardPipeline {
 public:
  ShardPipeline(const ModelShardContent& content, GroupBuffers& buffers, ThreadTeam& team)
      : content_(content), buffers_(buffers), team_(team) {}

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
    std::atomic<uint64_t> next{0};  // job 0 is the writing
    team_.run([&](int) {
      for (uint64_t job = next++; job <= kGroupsOfBatch; job = next++) {
        if (job == 0 && begin > 0) written = write_range(begin - kPiecesOfBatch, begin, sink);
        if (job > 0) hash_group(begin + (job - 1) * kPiecesOfGroup, buffers_[job - 1], pieces);
      }
    });
    return written;
  }
  [[nodiscard]] Status write_range(uint64_t first_piece, uint64_t end_piece,
                                   const std::function<Status(ByteView)>& sink) const {
    return content_.for_each_part(first_piece * kPieceBytes,
                                  std::min(end_piece * kPieceBytes, content_.size_bytes()), sink);
  }
  // Pieces cross from one parameter to the next: they are laid out in the buffer first.
  void hash_group(uint64_t first, Bytes& buffer, std::vector<Hash256>& pieces) const {
    if (first >= pieces.size()) return;
    const uint64_t end = std::min<uint64_t>(first + kPiecesOfGroup, pieces.size());
    buffer.clear();
    const Status copied = content_.for_each_part(
        first * kPieceBytes, std::min(end * kPieceBytes, content_.size_bytes()), [&](ByteView part) {
          buffer.insert(buffer.end(), part.begin(), part.end());
          return Status();
        });
    (void)copied;  // this sink does not fail
    std::vector<ByteView> messages;
    for (uint64_t begin = 0; begin < buffer.size(); begin += kPieceBytes)
      messages.push_back(ByteView(buffer).subspan(begin, std::min<uint64_t>(kPieceBytes, buffer.size() - begin)));
    blake2b_256_each(messages, {}, std::span(pieces).subspan(first, end - first));
  }

  const ModelShardContent& content_;
  GroupBuffers& buffers_;
  ThreadTeam& team_;
};

Result<CheckpointFile> put_shard(const CheckpointContents& contents, const ParameterLayout& layout,
                                 const ModelShard& shard, GroupBuffers& buffers, ThreadTeam& team,
                                 const PutFile& put) {
  const ModelShardContent content(layout, contents.parameters, shard);
  CheckpointFile file{.name = shard.name, .size_bytes = content.size_bytes(), .pieces = {}};
  TRY(put(file.name, file.size_bytes, [&](const std::function<Status(ByteView)>& sink) {
    return ShardPipeline(content, buffers, team).write(sink, file.pieces);
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
  GroupBuffers buffers = make_buffers(static_cast<uint64_t>(parameter_count(layout)) * sizeof(float) + kMaxHeaderBytesOfFile);
  for (const ModelShard& shard : shards) {
    TRY_ASSIGN(CheckpointFile file, put_shard(contents, layout, shard, buffers, team, put));
    manifest.files.push_back(std::move(file));
  }
  return manifest;
}

}  // namespace templar
