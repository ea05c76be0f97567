// What a contribution says about one parameter, in its two forms: EncodedParameter in memory (the
// compressor's result), and CodedBlock, a view into a contribution's bytes. The bytes are described in
// docs/protocol.md, "Block"; chunk_decoder.h reads them chunk by chunk.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/threads/thread_team.h"
#include "core/coding/cell_coder.h"
#include "core/coding/level_code.h"
#include "core/run/chunk_plan.h"

namespace templar {

// Which coding of positions and codes the blocks use. A new coding gets a new number; the old ones keep
// theirs. 1 and 2 were never used by a run outside this project.
enum class CodecId : uint16_t {
  kJoint = 3,  // counts of four cells and levels of several values by one code each
};

// No honest update of a weight comes near it, and sums over all peers and chunks stay finite under it.
constexpr float kMaxCodebookMagnitude = 1048576.0f;  // 2^20

// Chunks of a block that are coded together: a reader can start at any segment.
constexpr int64_t kSegmentChunks = 64;

// The kept values of a parameter: value number i of the parameter belongs to chunk i / plan.kept, sits at
// positions[i] in it (strictly ascending inside a chunk) and is codebook[codes[i]], times its chunk's scale
// where the quantiser has scales. Without a quantiser it is values[i].
struct EncodedParameter {
  ChunkPlan plan;
  std::vector<float> codebook;      // quantiser_bins finite values; +0 for a bin that no code uses; or none
  std::vector<float> scales;        // one a chunk, or none: all 1
  std::vector<uint16_t> positions;  // plan.kept_total()
  std::vector<uint8_t> codes;       // plan.kept_total(), or none
  std::vector<float> values;  // none, or plan.kept_total(): finite, at most kMaxCodebookMagnitude, no −0

  bool operator==(const EncodedParameter&) const = default;
};

// A parameter's part of a contribution whose bytes have been checked. The bytes must outlive it.
struct CodedBlock {
  ChunkPlan plan;
  BlockCoding coding;
  std::vector<float> codebook;
  uint8_t mode = 0;
  uint8_t scale_rice = 0;
  std::shared_ptr<const CellCoder> cells;
  std::shared_ptr<const LevelCode> levels;
  ByteView bytes;       // those that it lies in
  size_t ends = 0;      // where in bytes the table of segment ends begins, four bytes each
  size_t segments = 0;  // where in bytes the first segment begins; the ends are counted from there

  // Where segments lie, counted from the first one's begin.
  [[nodiscard]] size_t segment_begin(size_t number) const {
    return number == 0 ? 0 : segment_end(number - 1);
  }
  [[nodiscard]] size_t segment_end(size_t number) const;
  [[nodiscard]] BitReader segment(size_t number) const {
    return {bytes, segments + segment_begin(number), segments + segment_end(number)};
  }
};

// What checking a block tells about it.
struct CheckedBlock {
  CodedBlock block;
  std::vector<int64_t> code_counts;  // how many values have each code, where there are codes
  double squared_norm = 0;           // of all values; its order of addition is part of the protocol
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
[[nodiscard]] Result<CheckedBlock> read_coded_block(ByteReader& reader, const BlockCoding& coding,
                                                    const ChunkPlan* expected = nullptr);

// The block that begins at offset in bytes that read_coded_block has accepted there, with the same coding and
// plan (CHECK).
[[nodiscard]] CodedBlock open_coded_block(ByteView bytes, size_t offset, const BlockCoding& coding,
                                          const ChunkPlan* expected = nullptr);

// Positions ascending in every chunk.
[[nodiscard]] EncodedParameter decode_block(const CodedBlock& block);

}  // namespace templar
