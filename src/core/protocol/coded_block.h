// What a contribution says about one parameter, in its two forms: EncodedParameter in memory (the
// compressor's result), and CodedBlock, a view into a contribution's bytes from which chunks are decoded one
// after the other. The bytes are described in docs/protocol.md, "Block".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/thread_team.h"
#include "core/protocol/cell_coder.h"
#include "core/protocol/chunk_plan.h"
#include "core/protocol/level_coder.h"

namespace templar {

// Which coding of positions and codes the blocks use. A new coding gets a new number; the old ones keep
// theirs. 1 was never used by a run.
enum class CodecId : uint16_t {
  kRanked = 2,  // subsets by their rank
};

// No honest update of a weight comes near it, and sums over all peers and chunks stay finite under it.
constexpr float kMaxCodebookMagnitude = 1048576.0f;  // 2^20

// Chunks of a block that are coded together: a reader can start at any segment.
constexpr int64_t kSegmentChunks = 64;

// The kept values of a parameter: value number i of the parameter belongs to chunk i / plan.kept, sits at
// positions[i] in it (strictly ascending inside a chunk) and is codebook[codes[i]], times its chunk's scale
// where the quantiser has scales.
struct EncodedParameter {
  ChunkPlan plan;
  std::vector<float> codebook;      // quantiser_bins finite values; +0 for a bin that no code uses
  std::vector<float> scales;        // one a chunk, or none: all 1
  std::vector<uint16_t> positions;  // plan.kept_total()
  std::vector<uint8_t> codes;       // plan.kept_total()

  bool operator==(const EncodedParameter&) const = default;
};

// A parameter's part of a parsed contribution. The views point into the contribution's bytes.
struct CodedBlock {
  ChunkPlan plan;
  BlockCoding coding;
  std::vector<float> codebook;
  uint8_t mode = 0;
  uint8_t scale_rice = 0;
  std::vector<uint8_t> level_rice;
  std::vector<ByteView> segments;
  std::shared_ptr<const CellCoder> cells;
  std::vector<int64_t> code_counts;  // how many values have each code
  double squared_norm = 0;           // of all values; its order of addition is part of the protocol
};

// Reads a block's chunks in ascending order from any first one (which costs the chunks before it in its
// segment). The block must come from read_coded_block, and must outlive the decoder.
class ChunkDecoder {
 public:
  ChunkDecoder(const CodedBlock& block, int64_t first_chunk);
  // Writes plan.kept positions and their codes, in the order of coding: column by column where the block's
  // mode is transposed, ascending elsewhere. Returns the chunk's scale (1 where there are none) and moves on
  // to the next chunk.
  float next(std::span<uint16_t> positions, std::span<uint8_t> codes);

 private:
  friend class BlockValidator;
  // False, with problem_ set, where the bits are not legal.
  bool decode(std::span<uint16_t> positions, std::span<uint8_t> codes);
  bool decode_scale();

  const CodedBlock* block_;
  int64_t chunk_;
  BitReader reader_;
  uint32_t scale_index_ = 0;
  float scale_ = 1.0f;
  std::vector<uint32_t> counts_;
  LevelStatistics* statistics_ = nullptr;
  std::string problem_;
};

// No block of this plan is larger.
[[nodiscard]] int64_t max_coded_block_size(const ChunkPlan& plan, const BlockCoding& coding);

// Appends the coded form. block must obey the rules above (CHECK). Segments are made in parallel by the team,
// where there is one.
void write_coded_block(const EncodedParameter& block, const BlockCoding& coding, ByteWriter& writer,
                       ThreadTeam* team = nullptr);

// Reads one block and checks all of it: what it returns decodes without further checks, and is the one
// encoding of its content. expected is the plan that the block must have, compared before anything else is
// read; without one the block describes its own chunks but not the parameter, and its plan has them side by
// side in one row of tiles. Fails (skip) and names the field and the number.
[[nodiscard]] Result<CodedBlock> read_coded_block(ByteReader& reader, const BlockCoding& coding,
                                                  const ChunkPlan* expected = nullptr);

// Positions ascending in every chunk.
[[nodiscard]] EncodedParameter decode_block(const CodedBlock& block);

}  // namespace templar
