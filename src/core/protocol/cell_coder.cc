#include "core/protocol/cell_coder.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <tuple>

#include "base/check.h"
#include "core/protocol/combinadic.h"
#include "core/protocol/prefix_code.h"

namespace templar {
namespace {

constexpr int64_t kCellWidth = kMaxSubsetWidth;
constexpr size_t kMaxTableItems = 64;
constexpr uint32_t kLookupBits = 9;
constexpr uint32_t kLongCode = 0xff;
constexpr double kClassAlpha[] = {0, 4, 1, 0.25};

// In how many ways, or with what weight, a half with this many positions or this mass takes 0 .. items.
std::vector<double> half_weights(double mass, int64_t items, bool hypergeometric) {
  std::vector<double> weights{1.0};
  for (int64_t l = 1; l <= items; ++l) {
    const auto taken = static_cast<double>(l - 1);
    const double factor = hypergeometric ? mass - taken : mass + taken;
    weights.push_back(weights.back() * factor / static_cast<double>(l));
  }
  return weights;
}

// Coders that were made, up to so many; who still uses one keeps it alive.
class CoderCache {
 public:
  std::shared_ptr<const CellCoder> find_or_make(const ChunkPlan& plan, int mode) {
    const Key key{plan.tile_rows, plan.tile_columns,
                  std::min<int64_t>(plan.kept, static_cast<int64_t>(kMaxTableItems)), mode};
    const std::lock_guard lock(mutex_);
    if (const auto found = coders_.find(key); found != coders_.end()) return found->second;
    if (coders_.size() >= kMaxCoders) coders_.clear();
    return coders_.emplace(key, std::make_shared<const CellCoder>(plan, mode)).first->second;
  }

 private:
  static constexpr size_t kMaxCoders = 256;
  using Key = std::tuple<int64_t, int64_t, int64_t, int>;
  std::mutex mutex_;
  std::map<Key, std::shared_ptr<const CellCoder>> coders_;
};

}  // namespace

std::shared_ptr<const CellCoder> CellCoder::of(const ChunkPlan& plan, int mode) {
  static CoderCache cache;
  return cache.find_or_make(plan, mode);
}

CellCoder::CellCoder(const ChunkPlan& plan, int mode)
    : columns_(plan.tile_columns),
      rows_(plan.tile_rows),
      transposed_((mode & kTransposedMode) != 0),
      class_(mode & 3),
      max_items_(static_cast<size_t>(std::min<int64_t>(plan.kept, kMaxTableItems))) {
  CHECK(mode >= 0 && mode < kPositionModes);
  cut_cells(plan);
  cut_intervals();
  tables_.resize(shapes_.size() * (max_items_ + 1));
  for (uint32_t shape = 0; shape < shapes_.size(); ++shape) {
    for (size_t items = 0; items <= max_items_; ++items) {
      make_table(shapes_[shape], static_cast<int64_t>(items), tables_[table_index(shape, items)]);
    }
  }
}

void CellCoder::cut_cells(const ChunkPlan& plan) {
  const int64_t lines = transposed_ ? plan.tile_columns : plan.tile_rows;
  const int64_t length = transposed_ ? plan.tile_rows : plan.tile_columns;
  const int64_t line_stride = transposed_ ? 1 : plan.tile_columns;
  const int64_t stride = transposed_ ? plan.tile_columns : 1;
  for (int64_t line = 0; line < lines; ++line) {
    for (int64_t begin = 0; begin < length; begin += kCellWidth) {
      cells_.push_back({.node = 0,
                        .first = static_cast<uint16_t>(line * line_stride + begin * stride),
                        .stride = static_cast<uint16_t>(stride),
                        .width = static_cast<int>(std::min(kCellWidth, length - begin))});
    }
  }
}

// Breadth first: an interval's counts are known before its halves'.
void CellCoder::cut_intervals() {
  std::vector<int64_t> positions_before{0};
  for (const Cell& cell : cells_) positions_before.push_back(positions_before.back() + cell.width);
  std::vector<std::pair<size_t, size_t>> intervals{{0, cells_.size()}};
  for (size_t id = 0; id < intervals.size(); ++id) {
    const auto [begin, end] = intervals[id];
    if (end - begin == 1) {
      cells_[begin].node = static_cast<uint32_t>(id);
      continue;
    }
    const size_t middle = begin + (end - begin) / 2;
    const Shape shape{static_cast<int64_t>(middle - begin),
                      positions_before[middle] - positions_before[begin], static_cast<int64_t>(end - middle),
                      positions_before[end] - positions_before[middle]};
    nodes_.push_back(
        {static_cast<uint32_t>(id), static_cast<uint32_t>(intervals.size()), shape_number(shape)});
    intervals.emplace_back(begin, middle);
    intervals.emplace_back(middle, end);
  }
  node_count_ = intervals.size();
}

uint32_t CellCoder::shape_number(const Shape& shape) {
  const auto found = std::ranges::find(shapes_, shape);
  if (found != shapes_.end()) return static_cast<uint32_t>(found - shapes_.begin());
  shapes_.push_back(shape);
  return static_cast<uint32_t>(shapes_.size() - 1);
}

CellCoder::Range CellCoder::legal_range(const Shape& shape, int64_t items) {
  return {std::max<int64_t>(0, items - shape.right_positions), std::min(items, shape.left_positions)};
}

std::vector<double> CellCoder::weights(const Shape& shape, int64_t items, Range range) const {
  const bool hypergeometric = class_ == 0;
  const double alpha = kClassAlpha[class_];
  const auto mass = [&](int64_t cells, int64_t positions) {
    return hypergeometric ? static_cast<double>(positions) : alpha * static_cast<double>(cells);
  };
  const auto left = half_weights(mass(shape.left_cells, shape.left_positions), items, hypergeometric);
  const auto right = half_weights(mass(shape.right_cells, shape.right_positions), items, hypergeometric);
  std::vector<double> weights;
  for (int64_t l = range.lowest; l <= range.highest; ++l) {
    weights.push_back(left[static_cast<size_t>(l)] * right[static_cast<size_t>(items - l)]);
  }
  return weights;
}

void CellCoder::make_table(const Shape& shape, int64_t items, Table& table) {
  if (items > shape.left_positions + shape.right_positions) {
    table = {};  // cannot occur
    return;
  }
  const Range range = legal_range(shape, items);
  table = {.lookup = static_cast<uint32_t>(lookup_.size()),
           .lookup_mask = 0,
           .codes = static_cast<uint32_t>(codes_.size()),
           .lowest = static_cast<uint32_t>(range.lowest),
           .symbols = static_cast<uint32_t>(range.highest - range.lowest + 1)};
  if (table.symbols == 1) {
    codes_.push_back({0, 0});
    lookup_.push_back(static_cast<uint16_t>(range.lowest));
    return;
  }
  const auto lengths = prefix_code_lengths(weights(shape, items, range));
  const auto bits = prefix_codes(lengths);
  for (size_t i = 0; i < lengths.size(); ++i) {
    CHECK(lengths[i] <= kMaxCountBits);
    codes_.push_back({bits[i], lengths[i]});
  }
  fill_lookup(table);
}

// An entry holds a count and, above it, the length of its code.
void CellCoder::fill_lookup(Table& table) {
  const std::span codes = std::span(codes_).subspan(table.codes, table.symbols);
  uint32_t longest = 0;
  for (const Code& code : codes) longest = std::max(longest, code.length);
  const uint32_t bits = std::min(longest, kLookupBits);
  table.lookup_mask = (1u << bits) - 1;
  lookup_.resize(lookup_.size() + (size_t{1} << bits), static_cast<uint16_t>(kLongCode << 8));
  for (uint32_t i = 0; i < table.symbols; ++i) {
    if (codes[i].length > bits) continue;
    const auto entry = static_cast<uint16_t>(codes[i].length << 8 | (table.lowest + i));
    for (uint32_t next = codes[i].bits; next <= table.lookup_mask; next += 1u << codes[i].length) {
      lookup_[table.lookup + next] = entry;
    }
  }
}

void CellCoder::fill_cells(std::span<const uint16_t> positions, std::vector<uint64_t>& cells) const {
  const int64_t length = transposed_ ? rows_ : columns_;
  const int64_t cells_a_line = (length + kCellWidth - 1) / kCellWidth;
  cells.assign(cells_.size(), 0);
  for (const uint16_t position : positions) {
    const uint32_t order = order_of(position);
    const int64_t line = order / length;
    const int64_t place = order % length;
    cells[static_cast<size_t>(line * cells_a_line + place / kCellWidth)] |= uint64_t{1} << place % kCellWidth;
  }
}

uint32_t CellCoder::order_of(uint16_t position) const {
  if (!transposed_) return position;
  return static_cast<uint32_t>(position % columns_ * rows_ + position / columns_);
}

template <typename Sink>
void CellCoder::put(std::span<const uint64_t> cells, std::vector<uint32_t>& counts, Sink& sink) const {
  counts.resize(node_count_);
  for (size_t i = 0; i < cells.size(); ++i) {
    counts[cells_[i].node] = static_cast<uint32_t>(std::popcount(cells[i]));
  }
  for (size_t i = nodes_.size(); i-- > 0;) {
    counts[nodes_[i].id] = counts[nodes_[i].left] + counts[nodes_[i].left + 1];
  }
  for (const Node& node : nodes_) {
    const uint32_t items = counts[node.id];
    const uint32_t left = counts[node.left];
    if (items <= kMaxTableItems) {
      const Table& table = tables_[table_index(node.shape, items)];
      const Code& code = codes_[table.codes + left - table.lowest];
      sink.put(code.bits, static_cast<int>(code.length));
    } else {
      const Range range = legal_range(shapes_[node.shape], items);
      sink.put(left - static_cast<uint64_t>(range.lowest),
               bits_for(static_cast<uint64_t>(range.highest - range.lowest + 1)));
    }
  }
  for (size_t i = 0; i < cells.size(); ++i) put_subset(cells[i], cells_[i].width, sink);
}

template void CellCoder::put(std::span<const uint64_t>, std::vector<uint32_t>&, BitWriter&) const;
template void CellCoder::put(std::span<const uint64_t>, std::vector<uint32_t>&, BitCounter&) const;

uint32_t CellCoder::get_long_code(const Table& table, BitReader& reader) const {
  const uint64_t next = reader.peek();
  for (uint32_t i = 0; i < table.symbols; ++i) {
    const Code& code = codes_[table.codes + i];
    if (code.length > kLookupBits && (next & low_bits(static_cast<int>(code.length))) == code.bits) {
      reader.skip(static_cast<int>(code.length));
      return table.lowest + i;
    }
  }
  CHECK(false);  // a prefix code is complete
  return 0;
}

bool CellCoder::get_counts(BitReader& reader, std::vector<uint32_t>& counts) const {
  for (const Node& node : nodes_) {
    const uint32_t items = counts[node.id];
    uint32_t left = 0;
    if (items <= kMaxTableItems) [[likely]] {
      const Table& table = tables_[table_index(node.shape, items)];
      const uint32_t entry = lookup_[table.lookup + (reader.peek() & table.lookup_mask)];
      left = entry & 0xff;
      if (entry >> 8 == kLongCode) [[unlikely]] {
        left = get_long_code(table, reader);
      } else {
        reader.skip(static_cast<int>(entry >> 8));
      }
    } else {
      const Range range = legal_range(shapes_[node.shape], items);
      const auto choices = static_cast<uint64_t>(range.highest - range.lowest + 1);
      const uint64_t offset = reader.get(bits_for(choices));
      if (offset >= choices) return false;
      left = static_cast<uint32_t>(offset) + static_cast<uint32_t>(range.lowest);
    }
    counts[node.left] = left;
    counts[node.left + 1] = items - left;
  }
  return true;
}

bool CellCoder::get(BitReader& reader, std::vector<uint32_t>& counts, std::span<uint16_t> positions) const {
  counts.resize(node_count_);
  counts[0] = static_cast<uint32_t>(positions.size());
  if (!get_counts(reader, counts)) return false;
  uint16_t* next = positions.data();
  for (const Cell& cell : cells_) {
    const auto count = static_cast<int>(counts[cell.node]);
    for (uint64_t subset = get_subset(count, cell.width, reader); subset != 0; subset &= subset - 1) {
      *next++ = static_cast<uint16_t>(cell.first + std::countr_zero(subset) * cell.stride);
    }
  }
  return true;
}

}  // namespace templar
