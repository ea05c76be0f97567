// Reads a coded block's chunks one after the other.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/coding/cell_coder.h"
#include "core/coding/coded_block.h"

namespace templar {

// A decoded chunk, and the memory for decoding it. A thread needs one for all blocks of the same plan.
class DecodedChunk {
 public:
  explicit DecodedChunk(const ChunkPlan& plan)
      : kept_(plan.kept),
        positions_(kept_ + CellCoder::kPositionSlack),
        codes_(kept_ + LevelCode::kLevelSlack) {}

  // In the order of coding: column by column where the block's mode is transposed, ascending elsewhere.
  [[nodiscard]] std::span<const uint16_t> positions() const { return std::span(positions_).first(kept_); }
  [[nodiscard]] std::span<const uint8_t> codes() const { return std::span(codes_).first(kept_); }
  // Where the block has values and no codes; else empty.
  [[nodiscard]] std::span<const float> values() const { return values_; }

 private:
  friend class ChunkDecoder;
  size_t kept_;
  std::vector<uint16_t> positions_;
  std::vector<uint8_t> codes_;
  std::vector<float> values_;
  CellScratch scratch_;
};

// The block must come from read_coded_block or open_coded_block, and must outlive the decoder.
class ChunkDecoder {
 public:
  // Starts at any chunk (which costs the chunks before it in its segment).
  ChunkDecoder(const CodedBlock& block, int64_t first_chunk, DecodedChunk& chunk);
  // Decodes the next chunk and returns its scale (1 where there are none).
  float next(DecodedChunk& chunk);

 private:
  friend class BlockValidator;
  enum class Problem { kNone, kScaleStep, kScaleIndex, kPositions, kLevels, kValue, kOverran };

  [[nodiscard]] Problem decode(DecodedChunk& chunk);
  [[nodiscard]] Problem decode_scale();
  [[nodiscard]] Problem decode_values(DecodedChunk& chunk);

  const CodedBlock* block_;
  int64_t chunk_;
  BitReader reader_;
  uint32_t scale_index_ = 0;
};

}  // namespace templar
