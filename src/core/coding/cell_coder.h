// Codes which positions of a chunk are kept. docs/protocol.md, "Block", whose words these are:
//   position  the row-major number of an element in its tile
//   cell      a piece of at most 64 positions of a row, or of a column in transposed modes
//   place     the number of a position inside its cell, 0 .. 63
//   items     how many kept positions an interval of cells has
//   node      an interval of more than four cells: coded is how many of its items its left half has
//   group     what halving ends with, four cells or fewer: coded are the counts of its cells, by one code
// First come the counts (nodes, then groups), then the places: for each cell, which subset of its places is
// kept.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "core/coding/bit_packing.h"
#include "core/coding/combinadic.h"
#include "core/coding/prefix_code.h"
#include "core/run/chunk_plan.h"

namespace templar {

// Mode: the class of the counts' distribution (0 .. 3), + 4 if cells are pieces of columns.
constexpr int kPositionModes = 8;
constexpr int kTransposedMode = 4;

// The counts of a group's cells are one symbol if together they have at most kMaxGroupItems; 165 symbols are
// the most, within the 256 that a code may have.
constexpr size_t kGroupCells = 4;
constexpr uint32_t kMaxGroupItems = 8;

// Memory for a chunk's coding, reused from chunk to chunk.
struct CellScratch {
  std::vector<uint64_t> cells;  // one word a cell, a bit a place, set where the position is kept
  std::vector<uint32_t> interval_counts;
  // Room behind the last: get_early() looks at 64 counts at once, and a group's are always written as four.
  std::vector<uint8_t> cell_counts;
  // A cell whose places are not coded among the early ones, and where its positions go in the chunk's list.
  struct LateCell {
    uint32_t cell, first_position;
  };
  std::vector<LateCell> late;
};

class CellCoder {
 public:
  // Positions are written two at a time: so much room is needed behind them.
  static constexpr size_t kPositionSlack = 2;

  // The coder for the plan's tile, kept and mode. Immutable, shared and remembered; any thread.
  [[nodiscard]] static std::shared_ptr<const CellCoder> of(const ChunkPlan& plan, int mode);

  CellCoder(const ChunkPlan& plan, int mode);

  [[nodiscard]] bool transposed() const { return transposed_; }
  void prepare(CellScratch& scratch) const;
  // Sets scratch.cells, which prepare() has made.
  void fill_cells(std::span<const uint16_t> positions, CellScratch& scratch) const;
  // Where a position comes in the order of coding.
  [[nodiscard]] uint32_t order_of(uint16_t position) const {
    if (!transposed_) return position;
    const auto row = static_cast<uint32_t>(position * column_reciprocal_ >> 32);
    return (position - row * columns_) * rows_ + row;
  }

  // Counts the kept positions of each cell and interval, from scratch.cells, for put_counts() and
  // put_places(). The counts do not depend on the class: coders of one plan that differ in nothing else may
  // share them.
  void count_cells(CellScratch& scratch) const;
  // First the counts, then the places. Sink is BitWriter or BitCounter. The bits of the places do not depend
  // on the class either.
  template <typename Sink>
  void put_counts(const CellScratch& scratch, Sink& sink) const;
  template <typename Sink>
  void put_places(const CellScratch& scratch, Sink& sink) const;
  // Writes kept positions, in the order of coding. False where the bits are not legal.
  [[nodiscard, gnu::always_inline]] bool get(BitReader& reader, CellScratch& scratch,
                                             uint16_t* positions) const {
    return get_counts(reader, scratch) && get_places(reader, scratch, positions);
  }

 private:
  struct Cell {
    uint16_t first;  // position of the cell's first
    uint16_t width;
  };
  // The two halves of an interval of cells.
  struct Shape {
    int64_t left_cells, left_positions, right_cells, right_positions;
    bool operator==(const Shape&) const = default;
  };
  struct Node {
    uint32_t id, left;  // of its interval and of the left half's; the right half's is left + 1
    uint32_t tables;    // begin in split_tables_, by items
  };
  struct SplitTable {
    PrefixTable code;
    uint32_t lowest = 0;  // the left count of symbol 0
  };
  struct GroupTable {
    PrefixTable code;
    uint32_t compositions = 0;  // begin in compositions_, by symbol: for reading
    uint32_t symbols = 0;       // begin in symbols_, by the number of a composition: for writing
  };
  // With up to kMaxGroupItems items the counts of all its cells are one symbol. With more (a crowded group)
  // the number of items in its left half is coded first, as a node's is, then each half in the same way.
  struct Group {
    uint32_t id = 0;     // of its interval
    uint32_t first = 0;  // cell
    uint32_t cells = 0;
    uint32_t tables = 0;  // begin in group_tables_, by items
    uint32_t split = 0;   // begin in split_tables_, where there are two cells or more
    uint32_t halves = 0;  // begin in halves_, where there are two cells or more
  };
  struct Range {
    int64_t lowest, highest;
  };

  void cut_cells(const ChunkPlan& plan);
  void cut_intervals();
  [[nodiscard]] Shape shape_of(size_t begin, size_t middle, size_t end) const;
  uint32_t split_tables_of(const Shape& shape);
  SplitTable make_split(const Shape& shape, int64_t items);
  Group make_group(uint32_t id, size_t begin, size_t end);
  uint32_t group_tables_of(size_t begin, size_t end);
  GroupTable make_group_table(std::span<const int64_t> widths, uint32_t items);
  [[nodiscard]] std::vector<double> weights_of(double mass, int64_t items) const;
  [[nodiscard]] double mass_of(int64_t cells, int64_t positions) const;
  [[nodiscard]] static Range legal_range(const Shape& shape, int64_t items);

  template <typename Sink>
  void put_split(uint32_t tables, const Shape& shape, uint32_t items, uint32_t left, Sink& sink) const;
  template <typename Sink>
  void put_group(const Group& group, uint32_t items, const uint8_t* counts, Sink& sink) const;
  [[nodiscard]] bool get_wide_split(const Shape& shape, uint32_t items, BitReader& reader,
                                    uint32_t& left) const;
  [[nodiscard]] bool get_crowded_group(const Group& group, uint32_t items, uint8_t* counts,
                                       BitReader& reader) const;
  [[nodiscard, gnu::always_inline]] bool get_counts(BitReader& reader, CellScratch& scratch) const;
  [[nodiscard, gnu::always_inline]] bool get_places(BitReader& reader, CellScratch& scratch,
                                                    uint16_t* positions) const;
  [[nodiscard, gnu::always_inline]] size_t get_early(BitReader& reader, CellScratch& scratch,
                                                     uint16_t* positions) const;

  uint32_t columns_, rows_;
  // 2^32 / columns_, rounded up: position * column_reciprocal_ >> 32 is exactly position / columns_ for every
  // 16-bit position.
  uint64_t column_reciprocal_;
  bool transposed_;
  int class_;
  uint32_t kept_;
  size_t max_items_;  // of a split's table
  // Cells of 64 positions only, of which those with one or two come first, in fixed lengths.
  bool has_early_cells_;
  uint32_t stride_ = 1;  // between a cell's positions
  uint32_t line_length_ = 0;
  uint32_t cells_a_line_ = 0;
  size_t interval_count_ = 0;
  std::vector<Cell> cells_;
  std::vector<Node> nodes_;  // intervals of more than four cells
  std::vector<Shape> node_shapes_;
  std::vector<Group> groups_;        // ascending
  std::vector<Group> halves_;        // of groups, in pairs
  std::vector<Shape> group_shapes_;  // by Group::halves / 2
  std::vector<Shape> shapes_;
  std::vector<SplitTable> split_tables_;
  std::vector<std::vector<int64_t>> group_widths_;
  std::vector<GroupTable> group_tables_;
  PrefixCodes codes_;
  std::vector<uint32_t> compositions_;  // four counts in a byte each
  std::vector<uint8_t> symbols_;
};

extern template void CellCoder::put_counts(const CellScratch&, BitWriter&) const;
extern template void CellCoder::put_counts(const CellScratch&, BitCounter&) const;
extern template void CellCoder::put_places(const CellScratch&, BitWriter&) const;
extern template void CellCoder::put_places(const CellScratch&, BitCounter&) const;

// How a cell's subset is coded where its length follows from the count alone: so for one or two of 64.
struct EarlyCount {
  uint16_t bits, mask, base;  // base: where the ranks begin in EarlyCells::places
};
struct EarlyCells {
  std::array<EarlyCount, 65> counts{};
  // By rank: both places, the second times 2^16. C(64, 2) = 2016 is less than 2^11: kNoPair where no pair has
  // that rank, a bit that no place can set.
  std::array<uint32_t, 64 + 2048> places{};
};
constexpr uint32_t kNoPair = 0x8000;
[[nodiscard]] consteval EarlyCells make_early_cells() {
  EarlyCells early;
  early.counts[1] = {6, 63, 0};
  early.counts[2] = {11, 2047, 64};
  for (size_t i = 0; i < 64; ++i) early.places[i] = i;
  for (size_t i = 0; i < 2048; ++i) {
    early.places[64 + i] = i < kPairs ? kPlacesOfPair[i] >> 8 << 16 | (kPlacesOfPair[i] & 0xffu) : kNoPair;
  }
  return early;
}
inline constexpr EarlyCells kEarlyCells = make_early_cells();

// Everything that the loops below need is copied into locals before them: they write bytes, which the
// compiler must take for a possible change of any member, so that it would load each one again.
inline bool CellCoder::get_counts(BitReader& reader, CellScratch& scratch) const {
  const PrefixCodes::Reader codes(codes_);
  const SplitTable* const split_tables = split_tables_.data();
  const GroupTable* const group_tables = group_tables_.data();
  const uint32_t* const compositions = compositions_.data();
  const size_t max_items = max_items_;
  uint32_t* const intervals = scratch.interval_counts.data();
  intervals[0] = kept_;
  for (const Node *node = nodes_.data(), *end = node + nodes_.size(); node != end; ++node) {
    const uint32_t items = intervals[node->id];
    uint32_t left = 0;
    if (items <= max_items) [[likely]] {
      const SplitTable& table = split_tables[node->tables + items];
      reader.refill();
      left = table.lowest + codes.get(table.code, reader);
    } else if (!get_wide_split(node_shapes_[node - nodes_.data()], items, reader, left)) {
      return false;
    }
    intervals[node->left] = left;
    intervals[node->left + 1] = items - left;
  }
  uint8_t* const counts = scratch.cell_counts.data();
  for (const Group *group = groups_.data(), *end = group + groups_.size(); group != end; ++group) {
    const uint32_t items = intervals[group->id];
    if (items <= kMaxGroupItems) [[likely]] {
      const GroupTable& table = group_tables[group->tables + items];
      reader.refill();
      const uint32_t symbol = codes.get(table.code, reader);
      // Four counts, also for a group of fewer cells: the next group writes over what is too much.
      std::memcpy(counts + group->first, &compositions[table.compositions + symbol], kGroupCells);
    } else if (!get_crowded_group(*group, items, counts, reader)) {
      return false;
    }
  }
  return true;
}

// Bit i: whether byte i is not 0; bytes are below 128.
[[nodiscard]] inline uint64_t nonzero_bytes(const uint8_t* bytes) {
  uint64_t mask = 0;
  for (size_t i = 0; i < 64; i += 8) {
    uint64_t eight;
    std::memcpy(&eight, bytes + i, sizeof(eight));
    // Below 128, adding 127 carries into a byte's highest bit if it is not 0, and never beyond.
    const uint64_t flags = (eight + 0x7f7f7f7f7f7f7f7fULL) >> 7 & 0x0101010101010101ULL;
    // The product gathers the eight flags in its highest byte, in their order.
    mask |= flags * 0x0102040810204080ULL >> 56 << i;
  }
  return mask;
}

// Writes the positions of the early cells (one or two of 64 kept, whose ranks have a fixed length) and
// remembers the others in scratch.late, in order. Returns how many these are; more than there are cells if a
// rank is no pair's.
inline size_t CellCoder::get_early(BitReader& reader, CellScratch& scratch, uint16_t* positions) const {
  const size_t cell_count = cells_.size();
  const Cell* const cells = cells_.data();
  const uint8_t* const counts = scratch.cell_counts.data();
  CellScratch::LateCell* const late = scratch.late.data();
  const uint32_t stride = stride_;
  const BitReader look = reader;
  size_t late_cells = 0;
  uint32_t found = 0;
  size_t bit = look.position();
  uint32_t seen = 0;
  for (size_t begin = 0; begin < cell_count; begin += 64) {
    const uint64_t here = low_bits(std::min<size_t>(64, cell_count - begin));
    for (uint64_t mask = nonzero_bytes(counts + begin) & here; mask != 0; mask &= mask - 1) {
      const size_t c = begin + std::countr_zero(mask);
      const uint32_t count = counts[c];
      const EarlyCount& coding = kEarlyCells.counts[count];
      const uint32_t places = kEarlyCells.places[coding.base + (look.look_at(bit) & coding.mask)];
      bit += coding.bits;
      seen |= places;  // whether a rank was wrong is asked once, at the end
      // No branch on the count, which nobody could predict: two positions are always written, and of a cell
      // with one the next cell writes over the second (kPositionSlack); a cell with more reads no bits, keeps
      // its room in the list, and is entered into late, whose end moves for it alone.
      const uint32_t both = cells[c].first * 0x10001u + places * stride;
      std::memcpy(positions + found, &both, sizeof(both));
      late[late_cells] = {static_cast<uint32_t>(c), found};
      late_cells += count > 2 ? 1 : 0;
      found += count;
    }
  }
  reader.move_to(bit);
  return (seen & kNoPair) == 0 ? late_cells : cell_count + 1;
}

inline bool CellCoder::get_places(BitReader& reader, CellScratch& scratch, uint16_t* positions) const {
  size_t late_cells = 0;
  if (has_early_cells_) {
    late_cells = get_early(reader, scratch, positions);
    if (late_cells > cells_.size()) return false;
  } else {
    uint32_t found = 0;
    for (size_t c = 0; c < cells_.size(); ++c) {
      const uint32_t count = scratch.cell_counts[c];
      scratch.late[late_cells] = {static_cast<uint32_t>(c), found};
      late_cells += count != 0 ? 1 : 0;
      found += count;
    }
  }
  for (size_t i = 0; i < late_cells; ++i) {
    const Cell& cell = cells_[scratch.late[i].cell];
    uint16_t* next = positions + scratch.late[i].first_position;
    const int count = scratch.cell_counts[scratch.late[i].cell];
    for (uint64_t subset = get_subset(count, cell.width, reader); subset != 0; subset &= subset - 1) {
      *next++ = static_cast<uint16_t>(cell.first + static_cast<uint32_t>(std::countr_zero(subset)) * stride_);
    }
  }
  return true;
}

}  // namespace templar
