// What a contribution says about one parameter, in its two forms: EncodedParameter in memory (the
// compressor's result), and CodedBlock, a view into a contribution's bytes from which chunks are decoded one
// after the other. The bytes are described in docs/protocol.md, "Block".
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "core/protocol/chunk_plan.h"

namespace templar {

// Which coding of positions and codes the blocks use. A new coding gets a new number; the old ones keep
// theirs.
enum class CodecId : uint16_t {
  kPacked = 1,  // positions and codes in as many bits as the largest needs
};

// No honest update of a weight comes near it, and sums over all peers and chunks stay finite under it.
constexpr float kMaxCodebookMagnitude = 1048576.0f;  // 2^20

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
  std::vector<float> codebook;
  ByteView positions;
  ByteView codes;
};

// Reads a block's chunks in ascending order from any first one. The block must come from read_coded_block,
// and must outlive the decoder.
class ChunkDecoder {
 public:
  ChunkDecoder(const CodedBlock& block, int64_t first_chunk);
  // Writes plan.kept ascending positions and their codes, and moves on to the next chunk.
  void next(std::span<uint16_t> positions, std::span<uint8_t> codes);

 private:
  const CodedBlock* block_;
  int64_t chunk_;
};

// Size of a block in bytes, exact for kPacked.
[[nodiscard]] int64_t coded_block_size(const ChunkPlan& plan, int64_t bins);

// Appends the coded form. block must obey the rules above (CHECK).
void write_coded_block(const EncodedParameter& block, ByteWriter& writer);

// Reads one block and checks all of it: what it returns decodes without further checks. bins is 2 .. 256
// (CHECK). expected is the plan that the block must have, compared before anything else is read; without one
// the block describes its own chunks but not the parameter, and its plan has them side by side in one row of
// tiles. Fails (skip) and names the field and the number.
[[nodiscard]] Result<CodedBlock> read_coded_block(ByteReader& reader, int64_t bins,
                                                  const ChunkPlan* expected = nullptr);

// How many values have each code: one count a codebook entry.
[[nodiscard]] std::vector<int64_t> count_codes(const CodedBlock& block);

[[nodiscard]] EncodedParameter decode_block(const CodedBlock& block);

}  // namespace templar
