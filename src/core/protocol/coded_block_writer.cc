// The sender's half of coded_block.h: one block's coded form.
#include <algorithm>

#include "base/check.h"
#include "core/protocol/block_canon.h"
#include "core/protocol/block_log.h"
#include "core/protocol/block_parts.h"
#include "core/protocol/coded_block.h"

namespace templar {
namespace {

void check_block(const EncodedParameter& block, const BlockCoding& coding) {
  const ChunkPlan& plan = block.plan;
  const auto total = static_cast<size_t>(plan.kept_total());
  CHECK(plan.chunk_count() <= UINT32_MAX && plan.tile_rows <= kMaxChunkEdge &&
        plan.tile_columns <= kMaxChunkEdge && plan.kept >= 1 && plan.kept <= plan.chunk_elements());
  CHECK(block.positions.size() == total && block.codes.size() == total);
  CHECK(static_cast<int64_t>(block.codebook.size()) == coding.bins);
  if (coding.has_signs()) {
    CHECK(block.codebook == block_log_codebook(coding.bins));
    CHECK(static_cast<int64_t>(block.scales.size()) == plan.chunk_count());
  } else {
    CHECK(block.scales.empty());
  }
}

// Makes the coded form of one block: first what is cheapest, then the segments.
class BlockWriter {
 public:
  BlockWriter(const EncodedParameter& block, const BlockCoding& coding)
      : block_(block), coding_(coding), segments_(segment_count(block.plan)) {
    check_block(block, coding);
    ModeChooser chooser(block.plan);
    for (int64_t chunk = 0; chunk < block.plan.chunk_count(); ++chunk) {
      check_chunk(chunk);
      if (is_sampled(block.plan, chunk)) chooser.add(positions_of(chunk));
    }
    mode_ = chooser.cheapest();
    cells_ = CellCoder::of(block.plan, mode_);
  }

  void write(ByteWriter& writer, ThreadTeam* team) {
    choose_rice();
    const auto make = [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) segments_[i] = make_segment(static_cast<int64_t>(i));
    };
    if (team != nullptr) {
      team->for_ranges(segments_.size(), 1, make);
    } else {
      make(0, segments_.size());
    }
    writer.put(mode_);
    if (coding_.has_signs()) writer.put(scale_rice_);
    writer.put_bytes(level_rice_);
    for (const Bytes& segment : segments_) {
      CHECK(segment.size() <= UINT32_MAX);
      writer.put(static_cast<uint32_t>(segment.size()));
    }
    for (const Bytes& segment : segments_) writer.put_bytes(segment);
  }

 private:
  std::span<const uint16_t> positions_of(int64_t chunk) const {
    return std::span(block_.positions)
        .subspan(static_cast<size_t>(chunk * block_.plan.kept), static_cast<size_t>(block_.plan.kept));
  }

  void check_chunk(int64_t chunk) const {
    int64_t lowest_allowed = 0;
    for (const uint16_t position : positions_of(chunk)) {
      CHECK(position >= lowest_allowed && position < block_.plan.chunk_elements());
      lowest_allowed = position + 1;
    }
    const auto codes =
        std::span(block_.codes)
            .subspan(static_cast<size_t>(chunk * block_.plan.kept), static_cast<size_t>(block_.plan.kept));
    for (const uint8_t code : codes) CHECK(code < coding_.bins);
    if (!coding_.has_signs()) return;
    const float scale = block_.scales[static_cast<size_t>(chunk)];
    CHECK(scale_problem(scale_index(scale), largest_entry(block_.codebook)).empty());
    CHECK(scale != 0.0f || std::ranges::all_of(codes, [](uint8_t code) { return code == 0; }));
  }

  // The chunk's codes in the order of coding.
  std::span<const uint8_t> codes_of(int64_t chunk, std::vector<uint64_t>& keys,
                                    std::vector<uint8_t>& ordered) const {
    const auto kept = static_cast<size_t>(block_.plan.kept);
    const std::span codes = std::span(block_.codes).subspan(static_cast<size_t>(chunk) * kept, kept);
    if (!cells_->transposed()) return codes;
    const auto positions = positions_of(chunk);
    keys.resize(kept);
    ordered.resize(kept);
    for (size_t i = 0; i < kept; ++i) keys[i] = uint64_t{cells_->order_of(positions[i])} << 8 | codes[i];
    std::ranges::sort(keys);
    for (size_t i = 0; i < kept; ++i) ordered[i] = static_cast<uint8_t>(keys[i]);
    return ordered;
  }

  void choose_rice() {
    LevelStatistics levels(coding_.levels());
    ScaleStatistics scales;
    std::vector<uint64_t> keys;
    std::vector<uint8_t> ordered;
    for (int64_t chunk = 0; chunk < block_.plan.chunk_count(); ++chunk) {
      count_levels(codes_of(chunk, keys, ordered), coding_, levels);
      if (coding_.has_signs() && chunk % kSegmentChunks != 0) scales.add(scale_step(chunk));
    }
    level_rice_ = levels.cheapest_rice();
    scale_rice_ = scales.cheapest_rice();
  }

  uint32_t scale_step(int64_t chunk) const {
    const auto i = static_cast<size_t>(chunk);
    return zigzag(scale_index(block_.scales[i - 1]), scale_index(block_.scales[i]));
  }

  Bytes make_segment(int64_t segment) const {
    BitWriter writer;
    std::vector<uint64_t> cells;
    std::vector<uint64_t> keys;
    std::vector<uint8_t> ordered;
    std::vector<uint32_t> counts;
    const int64_t begin = segment * kSegmentChunks;
    const int64_t end = std::min(begin + kSegmentChunks, block_.plan.chunk_count());
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      if (coding_.has_signs() && chunk == begin) {
        writer.put(scale_index(block_.scales[static_cast<size_t>(chunk)]), kScaleIndexBits);
      } else if (coding_.has_signs()) {
        put_rice(scale_step(chunk), scale_rice_, writer);
      }
      cells_->fill_cells(positions_of(chunk), cells);
      cells_->put(cells, counts, writer);
      put_levels(codes_of(chunk, keys, ordered), coding_, level_rice_, writer);
    }
    return writer.take();
  }

  const EncodedParameter& block_;
  BlockCoding coding_;
  std::vector<Bytes> segments_;
  std::shared_ptr<const CellCoder> cells_;
  uint8_t mode_ = 0;
  uint8_t scale_rice_ = 0;
  std::vector<uint8_t> level_rice_;
};

}  // namespace

void write_coded_block(const EncodedParameter& block, const BlockCoding& coding, ByteWriter& writer,
                       ThreadTeam* team) {
  const ChunkPlan& plan = block.plan;
  BlockWriter blocks(block, coding);
  writer.put(static_cast<uint32_t>(plan.chunk_count()));
  writer.put(static_cast<uint8_t>(plan.tile_rows - 1));
  writer.put(static_cast<uint8_t>(plan.tile_columns - 1));
  writer.put(static_cast<uint16_t>(plan.kept - 1));
  if (!coding.has_signs()) writer.put_bytes(as_bytes(std::span<const float>(block.codebook)));
  blocks.write(writer, team);
}

}  // namespace templar
