#include "core/coding/chunk_decoder.h"

#include "base/check.h"
#include "core/coding/block_canon.h"
#include "core/coding/block_parts.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/coding/chunk_decoder.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

// No vectors here: what newer targets give is their shifts and bit counts, which the decoding of codes lives
// on.
HWY_BEFORE_NAMESPACE();
namespace templar {
namespace HWY_NAMESPACE {

// Adds level_count to the levels whose sign bit is set.
void add_signs(uint64_t signs, uint8_t level_count, uint8_t* codes, size_t count) {
  for (size_t i = 0; i < count; ++i)
    codes[i] = static_cast<uint8_t>(codes[i] + (signs >> i & 1) * level_count);
}

bool get_positions(const CellCoder& cells, BitReader& reader, CellScratch& scratch, uint16_t* positions) {
  BitReader local = reader;  // in registers
  const bool good = cells.get(local, scratch, positions);
  reader = local;
  return good;
}

bool get_codes(const LevelCode& levels, uint8_t sign_offset, BitReader& reader, uint8_t* codes,
               size_t count) {
  BitReader local = reader;
  // Levels come behind the signs, but are decoded first: they are written over, a sign only adds to one.
  const size_t signs_at = local.position();
  if (sign_offset != 0) local.move_to(signs_at + count);
  const bool good = levels.get(local, codes, count);
  for (size_t i = 0; sign_offset != 0 && i < count; i += 32) {
    add_signs(local.look_at(signs_at + i), sign_offset, codes + i, std::min<size_t>(32, count - i));
  }
  reader = local;
  return good;
}

}  // namespace HWY_NAMESPACE
}  // namespace templar
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace templar {
namespace {

HWY_EXPORT(get_positions);
HWY_EXPORT(get_codes);

}  // namespace

ChunkDecoder::ChunkDecoder(const CodedBlock& block, int64_t first_chunk, DecodedChunk& chunk)
    : block_(&block), chunk_(first_chunk / kSegmentChunks * kSegmentChunks) {
  while (chunk_ < first_chunk) next(chunk);
}

ChunkDecoder::Problem ChunkDecoder::decode_scale() {
  if (chunk_ % kSegmentChunks == 0) {
    scale_index_ = static_cast<uint32_t>(reader_.get(kScaleIndexBits));
    return Problem::kNone;
  }
  const uint64_t step = get_rice(block_->scale_rice, kMaxScaleStep, reader_);
  if (step > kMaxScaleStep) return Problem::kScaleStep;
  // A step below 0 wraps around to a number above the range.
  scale_index_ = unzigzag(scale_index_, static_cast<uint32_t>(step));
  return scale_index_ > kMaxScaleIndex ? Problem::kScaleIndex : Problem::kNone;
}

ChunkDecoder::Problem ChunkDecoder::decode_values(DecodedChunk& chunk) {
  const int bits = block_->coding.value_bits();
  chunk.values_.resize(chunk.kept_);
  bool all_legal = true;
  for (float& value : chunk.values_) {
    // Of bf16 the upper half of an f32 is sent.
    value = std::bit_cast<float>(static_cast<uint32_t>(reader_.get(bits)) << (32 - bits));
    all_legal &= is_legal_value(value);
  }
  return all_legal ? Problem::kNone : Problem::kValue;
}

ChunkDecoder::Problem ChunkDecoder::decode(DecodedChunk& chunk) {
  if (chunk_ % kSegmentChunks == 0) reader_ = block_->segment(chunk_ / kSegmentChunks);
  block_->cells->prepare(chunk.scratch_);
  const bool has_signs = block_->coding.has_signs();
  if (has_signs) {
    if (const Problem problem = decode_scale(); problem != Problem::kNone) return problem;
  }
  if (!HWY_DYNAMIC_DISPATCH(get_positions)(*block_->cells, reader_, chunk.scratch_, chunk.positions_.data()))
    return Problem::kPositions;
  const auto sign_offset = static_cast<uint8_t>(has_signs ? block_->coding.levels() : 0);
  if (!HWY_DYNAMIC_DISPATCH(get_codes)(*block_->levels, sign_offset, reader_, chunk.codes_.data(),
                                       chunk.kept_))
    return Problem::kLevels;
  if (block_->coding.value_bits() != 0) {
    if (const Problem problem = decode_values(chunk); problem != Problem::kNone) return problem;
  }
  // Behind the end there are some bits to read, and the loops above are bounded by the plan: one question is
  // enough.
  if (reader_.overran()) return Problem::kOverran;
  ++chunk_;
  return Problem::kNone;
}

float ChunkDecoder::next(DecodedChunk& chunk) {
  CHECK(chunk_ < block_->plan.chunk_count() && std::ssize(chunk.codes()) == block_->plan.kept);
  CHECK(decode(chunk) == Problem::kNone);
  return block_->coding.has_signs() ? std::bit_cast<float>(scale_index_ << kBlockScaleDroppedBits) : 1.0f;
}

}  // namespace templar
#endif  // HWY_ONCE
