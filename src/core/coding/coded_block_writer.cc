// The sender's half of coded_block.h: one block's coded form.
#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/threads/mutex.h"
#include "core/coding/block_canon.h"
#include "core/coding/block_log.h"
#include "core/coding/block_parts.h"
#include "core/coding/coded_block.h"

namespace templar {
namespace {

void check_block_parts(const EncodedParameter& block, const BlockCoding& coding) {
  const ChunkPlan& plan = block.plan;
  const size_t total = plan.kept_total();
  CHECK(plan.chunk_count() <= UINT32_MAX && plan.tile_rows <= kMaxChunkEdge &&
        plan.tile_columns <= kMaxChunkEdge && plan.kept >= 1 && plan.kept <= plan.chunk_elements());
  CHECK(block.positions.size() == total);
  if (coding.value_bits() != 0) {
    CHECK(block.values.size() == total && block.codes.empty() && block.codebook.empty() &&
          block.scales.empty());
    CHECK(std::ranges::all_of(block.values, is_legal_value));
    return;
  }
  CHECK(block.codes.size() == total && block.values.empty() && std::ssize(block.codebook) == coding.bins);
  if (coding.has_signs()) {
    CHECK(block.codebook == block_log_codebook(coding.bins));
    CHECK(std::ssize(block.scales) == plan.chunk_count());
  } else {
    CHECK(block.scales.empty());
  }
}

// Makes the coded form of one block: first what is cheapest, then the segments.
class BlockWriter {
 public:
  BlockWriter(const EncodedParameter& block, const BlockCoding& coding, ThreadTeam* team)
      : block_(block), coding_(coding), team_(team), segments_(segment_count(block.plan)) {
    check_block_parts(block, coding);
    take_statistics();
    cells_ = CellCoder::of(block.plan, mode_);
    levels_ = LevelCode::of(coding.levels(), odds_);
  }

  void write(ByteWriter& writer) {
    for_segments([&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) segments_[i] = make_segment(i);
    });
    writer.put(mode_);
    if (coding_.has_signs()) writer.put(scale_rice_);
    writer.put_bytes(odds_);
    size_t segment_end = 0;
    for (const Bytes& segment : segments_) {
      segment_end += segment.size();
      CHECK(segment_end <= UINT32_MAX);
      writer.put<uint32_t>(segment_end);
    }
    for (const Bytes& segment : segments_) writer.put_bytes(segment);
  }

 private:
  template <typename Work>
  void for_segments(const Work& work) {
    if (team_ != nullptr) {
      team_->for_ranges(segments_.size(), 1, work);
    } else {
      work(size_t{0}, segments_.size());
    }
  }

  std::span<const uint16_t> positions_of(int64_t chunk) const {
    return std::span(block_.positions).subspan(chunk * block_.plan.kept, block_.plan.kept);
  }
  std::span<const uint8_t> codes_of(int64_t chunk) const {
    if (block_.codes.empty()) return {};
    return std::span(block_.codes).subspan(chunk * block_.plan.kept, block_.plan.kept);
  }

  void check_chunk(int64_t chunk) const {
    const auto positions = positions_of(chunk);
    const auto codes = codes_of(chunk);
    uint32_t lowest_allowed = 0;
    bool ascending = true;
    uint8_t largest_code = 0;
    for (const uint16_t position : positions) {
      ascending &= position >= lowest_allowed;
      lowest_allowed = position + 1u;
    }
    for (const uint8_t code : codes) largest_code = std::max(largest_code, code);
    CHECK(ascending && positions.back() < block_.plan.chunk_elements() && largest_code < coding_.bins);
    if (!coding_.has_signs()) return;
    const float scale = block_.scales[chunk];
    CHECK(scale_problem(scale_index(scale), largest_entry(block_.codebook)).empty());
    CHECK(scale != 0.0f || largest_code == 0);
  }

  // Checks every chunk on the way.
  void take_statistics() {
    // Guards the three below until for_segments() returns. They are sums of whole numbers, so that the order
    // in which threads add theirs can't be seen in the block.
    Mutex mutex;
    std::vector<int64_t> level_counts(coding_.levels(), 0);
    ScaleStatistics scales;
    ModeChooser modes(block_.plan);
    for_segments([&](size_t begin, size_t end) {
      std::array<std::array<int64_t, 256>, 2> counts{};
      ScaleStatistics own_scales;
      ModeChooser own_modes(block_.plan);
      const auto last = std::min<int64_t>(end * kSegmentChunks, block_.plan.chunk_count());
      for (int64_t chunk = begin * kSegmentChunks; chunk < last; ++chunk) {
        check_chunk(chunk);
        if (is_sampled(block_.plan, chunk)) own_modes.add(positions_of(chunk));
        const auto codes = codes_of(chunk);
        // Two arrays by turns: equal codes one after the other would wait for each other's count.
        for (size_t i = 0; i < codes.size(); ++i) ++counts[i % 2][codes[i]];
        if (coding_.has_signs() && chunk % kSegmentChunks != 0) own_scales.add(scale_step(chunk));
      }
      const MutexLock lock(mutex);
      scales.add(own_scales);
      modes.add(own_modes);
      // In block_log a code and its negative have one level; in mean4 there are as many levels as codes.
      for (int64_t code = 0; code < coding_.bins; ++code)
        level_counts[code % level_counts.size()] += counts[0][code] + counts[1][code];
    });
    mode_ = modes.cheapest();
    odds_ = level_odds(level_counts);
    scale_rice_ = scales.cheapest_rice();
  }

  uint32_t scale_step(int64_t chunk) const {
    const size_t i = chunk;
    return zigzag(scale_index(block_.scales[i - 1]), scale_index(block_.scales[i]));
  }

  struct Scratch {
    CellScratch cells;
    std::vector<uint32_t> keys;
    std::vector<uint8_t> codes;
  };

  // The chunk's codes in the order of coding.
  std::span<const uint8_t> ordered_codes(int64_t chunk, Scratch& scratch) const {
    const auto codes = codes_of(chunk);
    if (!cells_->transposed()) return codes;
    const auto positions = positions_of(chunk);
    scratch.keys.resize(codes.size());
    scratch.codes.resize(codes.size());
    for (size_t i = 0; i < codes.size(); ++i)
      scratch.keys[i] = cells_->order_of(positions[i]) << 8 | codes[i];
    std::ranges::sort(scratch.keys);
    for (size_t i = 0; i < codes.size(); ++i) scratch.codes[i] = static_cast<uint8_t>(scratch.keys[i]);
    return scratch.codes;
  }

  void put_codes(std::span<const uint8_t> codes, BitWriter& writer, std::vector<uint8_t>& levels) const {
    if (!coding_.has_signs()) return levels_->put(codes, writer);
    const auto level_count = static_cast<uint8_t>(coding_.levels());
    levels.resize(codes.size());
    for (size_t begin = 0; begin < codes.size(); begin += 32) {
      const size_t count = std::min<size_t>(32, codes.size() - begin);
      uint64_t signs = 0;
      for (size_t i = 0; i < count; ++i) {
        const bool negative = codes[begin + i] >= level_count;
        signs |= uint64_t{negative} << i;
        levels[begin + i] = static_cast<uint8_t>(codes[begin + i] - (negative ? level_count : 0));
      }
      writer.put(signs, count);
    }
    levels_->put(levels, writer);
  }

  // As they are, in the order of coding; of bf16 the upper half.
  void put_values(int64_t chunk, BitWriter& writer, std::vector<std::array<uint32_t, 2>>& order) const {
    const int bits = coding_.value_bits();
    const auto values = std::span(block_.values).subspan(chunk * block_.plan.kept, block_.plan.kept);
    const auto positions = positions_of(chunk);
    order.resize(values.size());
    for (uint32_t i = 0; i < order.size(); ++i)
      order[i] = {cells_->transposed() ? cells_->order_of(positions[i]) : i, i};
    std::ranges::sort(order);
    for (const auto& [place, i] : order) {
      const auto value = std::bit_cast<uint32_t>(values[i]);
      CHECK(bits == 32 || value << bits == 0);
      writer.put(value >> (32 - bits), bits);
    }
  }

  Bytes make_segment(int64_t segment) const {
    BitWriter writer;
    Scratch scratch;
    std::vector<uint8_t> levels;
    std::vector<std::array<uint32_t, 2>> order;
    cells_->prepare(scratch.cells);
    const int64_t begin = segment * kSegmentChunks;
    const int64_t end = std::min(begin + kSegmentChunks, block_.plan.chunk_count());
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      if (coding_.has_signs() && chunk == begin) {
        writer.put(scale_index(block_.scales[chunk]), kScaleIndexBits);
      } else if (coding_.has_signs()) {
        put_rice(scale_step(chunk), scale_rice_, writer);
      }
      cells_->fill_cells(positions_of(chunk), scratch.cells);
      cells_->count_cells(scratch.cells);
      cells_->put_counts(scratch.cells, writer);
      cells_->put_places(scratch.cells, writer);
      if (coding_.value_bits() != 0) {
        put_values(chunk, writer, order);
      } else {
        put_codes(ordered_codes(chunk, scratch), writer, levels);
      }
    }
    return writer.take();
  }

  const EncodedParameter& block_;
  BlockCoding coding_;
  ThreadTeam* team_;
  std::vector<Bytes> segments_;
  std::shared_ptr<const CellCoder> cells_;
  std::shared_ptr<const LevelCode> levels_;
  uint8_t mode_ = 0;
  uint8_t scale_rice_ = 0;
  std::vector<uint8_t> odds_;
};

}  // namespace

void write_coded_block(const EncodedParameter& block, const BlockCoding& coding, ByteWriter& writer,
                       ThreadTeam* team) {
  const ChunkPlan& plan = block.plan;
  BlockWriter blocks(block, coding, team);
  writer.put<uint32_t>(plan.chunk_count());
  writer.put<uint8_t>(plan.tile_rows - 1);
  writer.put<uint8_t>(plan.tile_columns - 1);
  writer.put<uint16_t>(plan.kept - 1);
  if (coding.has_codebook()) writer.put_bytes(as_bytes(std::span<const float>(block.codebook)));
  blocks.write(writer);
}

}  // namespace templar
