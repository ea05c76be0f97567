// Codes which positions of a chunk are kept. The tile is cut into cells, pieces of at most 64 positions of a
// row or a column; first comes how many are in each cell, by halving intervals of cells, then for each cell
// which of its subsets it is. docs/protocol.md, "Positions".
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/protocol/bit_packing.h"
#include "core/protocol/chunk_plan.h"

namespace templar {

// Mode: the class of the counts' distribution (0 .. 3), + 4 if cells are pieces of columns.
constexpr int kPositionModes = 8;
constexpr int kTransposedMode = 4;

// No count's code is longer: weights are at least 2^-12 of their sum.
constexpr int kMaxCountBits = 18;

class CellCoder {
 public:
  // The coder for the plan's tile, kept and mode. Immutable, shared and remembered; any thread.
  [[nodiscard]] static std::shared_ptr<const CellCoder> of(const ChunkPlan& plan, int mode);

  CellCoder(const ChunkPlan& plan, int mode);

  [[nodiscard]] size_t cell_count() const { return cells_.size(); }
  [[nodiscard]] bool transposed() const { return transposed_; }
  // One word a cell, a bit a kept position.
  void fill_cells(std::span<const uint16_t> positions, std::vector<uint64_t>& cells) const;
  // Where a position comes in the order of coding.
  [[nodiscard]] uint32_t order_of(uint16_t position) const;

  // Sink is BitWriter or BitCounter. counts is scratch.
  template <typename Sink>
  void put(std::span<const uint64_t> cells, std::vector<uint32_t>& counts, Sink& sink) const;
  // Writes as many positions as there is room for, in the order of coding. False where a count is not legal.
  [[nodiscard]] bool get(BitReader& reader, std::vector<uint32_t>& counts,
                         std::span<uint16_t> positions) const;

 private:
  struct Cell {
    uint32_t node;
    uint16_t first;  // position of the cell's first
    uint16_t stride;
    int width;
  };
  // The two halves of an interval of cells.
  struct Shape {
    int64_t left_cells, left_positions, right_cells, right_positions;
    bool operator==(const Shape&) const = default;
  };
  struct Node {
    uint32_t id, left;  // the right half is left + 1
    uint32_t shape;
  };
  struct Code {
    uint32_t bits;
    uint32_t length;
  };
  // How the left count of n items is coded.
  struct Table {
    uint32_t lookup, lookup_mask;     // begin in lookup_, by the next bits
    uint32_t codes, lowest, symbols;  // begin in codes_, by left count - lowest
  };
  struct Range {
    int64_t lowest, highest;
  };

  void cut_cells(const ChunkPlan& plan);
  void cut_intervals();
  uint32_t shape_number(const Shape& shape);
  void make_table(const Shape& shape, int64_t items, Table& table);
  void fill_lookup(Table& table);
  [[nodiscard]] std::vector<double> weights(const Shape& shape, int64_t items, Range range) const;
  [[nodiscard]] static Range legal_range(const Shape& shape, int64_t items);
  [[nodiscard]] size_t table_index(uint32_t shape, size_t items) const {
    return shape * (max_items_ + 1) + items;
  }
  [[nodiscard]] bool get_counts(BitReader& reader, std::vector<uint32_t>& counts) const;
  [[nodiscard]] uint32_t get_long_code(const Table& table, BitReader& reader) const;

  int64_t columns_, rows_;
  bool transposed_;
  int class_;
  size_t max_items_;  // of a table
  size_t node_count_ = 0;
  std::vector<Cell> cells_;
  std::vector<Node> nodes_;
  std::vector<Shape> shapes_;
  std::vector<Table> tables_;
  std::vector<uint16_t> lookup_;
  std::vector<Code> codes_;
};

extern template void CellCoder::put(std::span<const uint64_t>, std::vector<uint32_t>&, BitWriter&) const;
extern template void CellCoder::put(std::span<const uint64_t>, std::vector<uint32_t>&, BitCounter&) const;

}  // namespace templar
