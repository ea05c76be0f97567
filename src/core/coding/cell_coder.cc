#include "core/coding/cell_coder.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/check.h"
#include "base/threads/mutex.h"

namespace templar {
namespace {

constexpr int64_t kCellWidth = kMaxSubsetWidth;  // a cell's subset is one word
// With more items a node's left count is in plain binary: that loses two or three bits of several hundred,
// and the tables stay small.
constexpr int64_t kMaxTableItems = 64;
// Bits that one look into a table decodes: few enough for the tables to stay in the nearest cache, and enough
// for nearly all codes that occur.
constexpr int kSplitLookupBits = 8;
constexpr int kGroupLookupBits = 10;
// How unevenly each class takes the items to be spread over the cells: class 0 expects every subset of
// positions alike (the hypergeometric distribution), the others cells of random weight (Dirichlet-multinomial
// with this parameter), the smaller the more uneven. Low frequencies of a DCT and busy rows of a matrix make
// them so.
constexpr double kClassAlpha[] = {0, 4, 1, 0.25};

// Coders that were made, up to a number; then all are forgotten. Users hold a share of theirs, which stays
// alive.
class CoderCache {
 public:
  std::shared_ptr<const CellCoder> find_or_make(const ChunkPlan& plan, int mode) {
    const Key key{plan.tile_rows, plan.tile_columns, plan.kept, mode};
    // Held while a coder is made: threads that want the same one wait for it instead of each making it.
    const MutexLock lock(mutex_);
    if (const auto found = coders_.find(key); found != coders_.end()) return found->second;
    if (coders_.size() >= kMaxCoders) coders_.clear();
    return coders_.emplace(key, std::make_shared<const CellCoder>(plan, mode)).first->second;
  }

 private:
  static constexpr size_t kMaxCoders = 256;
  using Key = std::tuple<int64_t, int64_t, int64_t, int>;
  Mutex mutex_;
  std::map<Key, std::shared_ptr<const CellCoder>> coders_ GUARDED_BY(mutex_);
};

// A composition's number: its counts but the last (which follows from the sum) as digits, each 0 ..
// kMaxGroupItems.
constexpr uint32_t kDigits = kMaxGroupItems + 1;
constexpr size_t kCompositionNumbers = size_t{kDigits} * kDigits * kDigits;
static_assert(kGroupCells == 4, "three digits are the counts of four cells but the last");
uint32_t composition_number(uint32_t packed_counts) {
  return (packed_counts & 0xff) +
         kDigits * ((packed_counts >> 8 & 0xff) + kDigits * (packed_counts >> 16 & 0xff));
}

}  // namespace

std::shared_ptr<const CellCoder> CellCoder::of(const ChunkPlan& plan, int mode) {
  static CoderCache cache;
  return cache.find_or_make(plan, mode);
}

CellCoder::CellCoder(const ChunkPlan& plan, int mode)
    : columns_(static_cast<uint32_t>(plan.tile_columns)),
      rows_(static_cast<uint32_t>(plan.tile_rows)),
      column_reciprocal_(((uint64_t{1} << 32) + columns_ - 1) / columns_),
      transposed_((mode & kTransposedMode) != 0),
      class_(mode & 3),
      kept_(static_cast<uint32_t>(plan.kept)),
      max_items_(std::min(plan.kept, kMaxTableItems)) {
  CHECK(mode >= 0 && mode < kPositionModes);
  cut_cells(plan);
  // Else some cells are narrower, and the length of their ranks is another.
  has_early_cells_ = line_length_ % kCellWidth == 0;
  cut_intervals();
}

void CellCoder::cut_cells(const ChunkPlan& plan) {
  const int64_t lines = transposed_ ? plan.tile_columns : plan.tile_rows;
  const int64_t length = transposed_ ? plan.tile_rows : plan.tile_columns;
  const int64_t line_stride = transposed_ ? 1 : plan.tile_columns;
  stride_ = transposed_ ? columns_ : 1;
  line_length_ = static_cast<uint32_t>(length);
  cells_a_line_ = static_cast<uint32_t>((length + kCellWidth - 1) / kCellWidth);
  for (int64_t line = 0; line < lines; ++line) {
    for (int64_t begin = 0; begin < length; begin += kCellWidth) {
      cells_.push_back({.first = static_cast<uint16_t>(line * line_stride + begin * int64_t{stride_}),
                        .width = static_cast<uint16_t>(std::min(kCellWidth, length - begin))});
    }
  }
}

CellCoder::Shape CellCoder::shape_of(size_t begin, size_t middle, size_t end) const {
  Shape shape{};
  shape.left_cells = middle - begin;
  shape.right_cells = end - middle;
  for (size_t c = begin; c < middle; ++c) shape.left_positions += cells_[c].width;
  for (size_t c = middle; c < end; ++c) shape.right_positions += cells_[c].width;
  return shape;
}

// Breadth first, and ids ascend in that order: an interval's items are known before its halves', and one pass
// in each direction is enough, down for reading and up for counting.
void CellCoder::cut_intervals() {
  std::vector<std::pair<size_t, size_t>> intervals{{0, cells_.size()}};
  for (size_t id = 0; id < intervals.size(); ++id) {
    const auto [begin, end] = intervals[id];
    if (end - begin <= kGroupCells) {
      groups_.push_back(make_group(static_cast<uint32_t>(id), begin, end));
      continue;
    }
    const size_t middle = begin + (end - begin) / 2;
    node_shapes_.push_back(shape_of(begin, middle, end));
    nodes_.push_back({static_cast<uint32_t>(id), static_cast<uint32_t>(intervals.size()),
                      split_tables_of(node_shapes_.back())});
    intervals.emplace_back(begin, middle);
    intervals.emplace_back(middle, end);
  }
  interval_count_ = intervals.size();
  // Halving ends at different depths, so they were not found in the order of the cells. A reader writes four
  // counts for each, and relies on the next group's writing over those that are too many.
  std::ranges::sort(groups_, {}, &Group::first);
}

CellCoder::Group CellCoder::make_group(uint32_t id, size_t begin, size_t end) {
  Group group{.id = id,
              .first = static_cast<uint32_t>(begin),
              .cells = static_cast<uint32_t>(end - begin),
              .tables = group_tables_of(begin, end)};
  if (group.cells == 1) return group;
  const size_t middle = begin + (end - begin) / 2;
  const Shape shape = shape_of(begin, middle, end);
  group.split = split_tables_of(shape);
  // Halves have no interval of their own (id 0): only a crowded group asks for them, and hands their items
  // down.
  const Group left = make_group(0, begin, middle);
  const Group right = make_group(0, middle, end);
  group.halves = static_cast<uint32_t>(halves_.size());
  halves_.push_back(left);
  halves_.push_back(right);
  group_shapes_.push_back(shape);
  return group;
}

uint32_t CellCoder::split_tables_of(const Shape& shape) {
  // Most nodes have one of a few shapes, and share its tables.
  const auto found = std::ranges::find(shapes_, shape);
  const auto begin = static_cast<uint32_t>(found - shapes_.begin()) * static_cast<uint32_t>(max_items_ + 1);
  if (found != shapes_.end()) return begin;
  shapes_.push_back(shape);
  for (size_t items = 0; items <= max_items_; ++items) split_tables_.push_back(make_split(shape, items));
  return begin;
}

CellCoder::Range CellCoder::legal_range(const Shape& shape, int64_t items) {
  return {std::max<int64_t>(0, items - shape.right_positions), std::min(items, shape.left_positions)};
}

double CellCoder::mass_of(int64_t cells, int64_t positions) const {
  return class_ == 0 ? static_cast<double>(positions) : kClassAlpha[class_] * static_cast<double>(cells);
}

// In how many ways (class 0: a binomial coefficient), or with what weight (else: one of a rising factorial),
// cells of that mass take 0 .. items. The order of these f64 operations is part of the protocol: weights
// decide lengths of codes.
std::vector<double> CellCoder::weights_of(double mass, int64_t items) const {
  std::vector<double> weights{1.0};
  for (int64_t l = 1; l <= items; ++l) {
    const auto taken = static_cast<double>(l - 1);
    const double factor = class_ == 0 ? mass - taken : mass + taken;
    weights.push_back(weights.back() * factor / static_cast<double>(l));
  }
  return weights;
}

CellCoder::SplitTable CellCoder::make_split(const Shape& shape, int64_t items) {
  if (items > shape.left_positions + shape.right_positions) return {};  // cannot occur
  const Range range = legal_range(shape, items);
  const auto left = weights_of(mass_of(shape.left_cells, shape.left_positions), items);
  const auto right = weights_of(mass_of(shape.right_cells, shape.right_positions), items);
  std::vector<double> weights;
  for (int64_t l = range.lowest; l <= range.highest; ++l) {
    weights.push_back(left[l] * right[items - l]);
  }
  return {codes_.add(std::move(weights), kSplitLookupBits), static_cast<uint32_t>(range.lowest)};
}

uint32_t CellCoder::group_tables_of(size_t begin, size_t end) {
  std::vector<int64_t> widths;
  for (size_t c = begin; c < end; ++c) widths.push_back(cells_[c].width);
  const auto found = std::ranges::find(group_widths_, widths);
  const auto first = static_cast<uint32_t>(found - group_widths_.begin()) * (kMaxGroupItems + 1);
  if (found != group_widths_.end()) return first;
  group_widths_.push_back(widths);
  for (uint32_t items = 0; items <= kMaxGroupItems; ++items)
    group_tables_.push_back(make_group_table(widths, items));
  return first;
}

// The symbols are the legal counts of the cells, ascending by the first cell's, then by the second's, ...
CellCoder::GroupTable CellCoder::make_group_table(std::span<const int64_t> widths, uint32_t items) {
  GroupTable table{.code = {},
                   .compositions = static_cast<uint32_t>(compositions_.size()),
                   .symbols = static_cast<uint32_t>(symbols_.size())};
  symbols_.resize(symbols_.size() + kCompositionNumbers, 0);
  std::vector<std::vector<double>> cell_weights;
  for (const int64_t width : widths) cell_weights.push_back(weights_of(mass_of(1, width), items));
  std::vector<double> weights;
  const auto visit = [&](const auto& self, size_t cell, uint32_t left, uint32_t packed,
                         double weight) -> void {
    const bool is_last = cell + 1 == widths.size();
    for (uint32_t count = is_last ? left : 0; count <= std::min<uint32_t>(left, widths[cell]); ++count) {
      const uint32_t counts = packed | count << 8 * cell;
      const double product = weight * cell_weights[cell][count];
      if (!is_last) {
        self(self, cell + 1, left - count, counts, product);
        continue;
      }
      symbols_[table.symbols + composition_number(counts)] = static_cast<uint8_t>(weights.size());
      compositions_.push_back(counts);
      weights.push_back(product);
    }
  };
  visit(visit, 0, items, 0, 1.0);
  if (!weights.empty()) table.code = codes_.add(std::move(weights), kGroupLookupBits);
  return table;
}

void CellCoder::prepare(CellScratch& scratch) const {
  scratch.cells.resize(cells_.size());
  scratch.interval_counts.resize(interval_count_);
  scratch.cell_counts.resize(cells_.size() + 64 + kGroupCells);
  scratch.late.resize(cells_.size() + 1);
}

void CellCoder::fill_cells(std::span<const uint16_t> positions, CellScratch& scratch) const {
  std::ranges::fill(scratch.cells, 0);
  if (cells_a_line_ == 1 && !transposed_ && columns_ == kCellWidth) {  // the usual tile, without a product
    for (const uint16_t position : positions)
      scratch.cells[position / kCellWidth] |= uint64_t{1} << position % kCellWidth;
    return;
  }
  // Line and place without a division: exact for orders of 16 bits, as order_of() is.
  const uint64_t reciprocal = ((uint64_t{1} << 32) + line_length_ - 1) / line_length_;
  for (const uint16_t position : positions) {
    const uint32_t order = order_of(position);
    const auto line = static_cast<uint32_t>(order * reciprocal >> 32);
    const uint32_t place = order - line * line_length_;
    scratch.cells[line * cells_a_line_ + place / kCellWidth] |= uint64_t{1} << place % kCellWidth;
  }
}

template <typename Sink>
void CellCoder::put_split(uint32_t tables, const Shape& shape, uint32_t items, uint32_t left,
                          Sink& sink) const {
  if (items <= max_items_) {
    const SplitTable& table = split_tables_[tables + items];
    codes_.put(table.code, left - table.lowest, sink);
    return;
  }
  const Range range = legal_range(shape, items);
  sink.put(left - range.lowest, bits_for(range.highest - range.lowest + 1));
}

template <typename Sink>
void CellCoder::put_group(const Group& group, uint32_t items, const uint8_t* counts, Sink& sink) const {
  if (group.cells == 1) return;
  if (items <= kMaxGroupItems) {
    uint32_t packed = 0;
    for (uint32_t c = 0; c < group.cells; ++c) packed |= uint32_t{counts[group.first + c]} << 8 * c;
    const GroupTable& table = group_tables_[group.tables + items];
    codes_.put(table.code, symbols_[table.symbols + composition_number(packed)], sink);
    return;
  }
  const Group& left = halves_[group.halves];
  const Group& right = halves_[group.halves + 1];
  uint32_t left_items = 0;
  for (uint32_t c = 0; c < left.cells; ++c) left_items += counts[left.first + c];
  put_split(group.split, group_shapes_[group.halves / 2], items, left_items, sink);
  put_group(left, left_items, counts, sink);
  put_group(right, items - left_items, counts, sink);
}

template <typename Sink>
void CellCoder::put_places(const CellScratch& scratch, Sink& sink) const {
  if (has_early_cells_) {
    // Nearly all cells that have any: in a run of their own, a reader needs no branch for them.
    for (size_t c = 0; c < cells_.size(); ++c) {
      const uint32_t count = scratch.cell_counts[c];
      if (count == 1 || count == 2) sink.put(subset_rank(scratch.cells[c]), kEarlyCells.counts[count].bits);
    }
  }
  for (size_t c = 0; c < cells_.size(); ++c) {
    if (!has_early_cells_ || scratch.cell_counts[c] > 2) put_subset(scratch.cells[c], cells_[c].width, sink);
  }
}

void CellCoder::count_cells(CellScratch& scratch) const {
  for (size_t c = 0; c < cells_.size(); ++c)
    scratch.cell_counts[c] = static_cast<uint8_t>(std::popcount(scratch.cells[c]));
  std::span<uint32_t> intervals = scratch.interval_counts;
  for (const Group& group : groups_) {
    intervals[group.id] = 0;
    for (uint32_t c = 0; c < group.cells; ++c) intervals[group.id] += scratch.cell_counts[group.first + c];
  }
  for (size_t i = nodes_.size(); i-- > 0;)
    intervals[nodes_[i].id] = intervals[nodes_[i].left] + intervals[nodes_[i].left + 1];
}

template <typename Sink>
void CellCoder::put_counts(const CellScratch& scratch, Sink& sink) const {
  const std::span<const uint32_t> intervals = scratch.interval_counts;
  for (size_t i = 0; i < nodes_.size(); ++i)
    put_split(nodes_[i].tables, node_shapes_[i], intervals[nodes_[i].id], intervals[nodes_[i].left], sink);
  for (const Group& group : groups_) put_group(group, intervals[group.id], scratch.cell_counts.data(), sink);
}

template void CellCoder::put_counts(const CellScratch&, BitWriter&) const;
template void CellCoder::put_counts(const CellScratch&, BitCounter&) const;
template void CellCoder::put_places(const CellScratch&, BitWriter&) const;
template void CellCoder::put_places(const CellScratch&, BitCounter&) const;

bool CellCoder::get_wide_split(const Shape& shape, uint32_t items, BitReader& reader, uint32_t& left) const {
  const Range range = legal_range(shape, items);
  const uint64_t choices = range.highest - range.lowest + 1;
  // Not every number of so many bits is a choice: the one place among the counts where bits can be wrong.
  const uint64_t offset = reader.get(bits_for(choices));
  left = static_cast<uint32_t>(range.lowest + offset);
  return offset < choices;
}

bool CellCoder::get_crowded_group(const Group& group, uint32_t items, uint8_t* counts,
                                  BitReader& reader) const {
  if (group.cells == 1) {
    counts[group.first] = static_cast<uint8_t>(items);
    return true;
  }
  if (items <= kMaxGroupItems) {
    const GroupTable& table = group_tables_[group.tables + items];
    reader.refill();
    const uint32_t packed =
        compositions_[table.compositions + PrefixCodes::Reader(codes_).get(table.code, reader)];
    for (uint32_t c = 0; c < group.cells; ++c)
      counts[group.first + c] = static_cast<uint8_t>(packed >> 8 * c);
    return true;
  }
  uint32_t left = 0;
  if (items <= max_items_) {
    const SplitTable& table = split_tables_[group.split + items];
    reader.refill();
    left = table.lowest + PrefixCodes::Reader(codes_).get(table.code, reader);
  } else if (!get_wide_split(group_shapes_[group.halves / 2], items, reader, left)) {
    return false;
  }
  return get_crowded_group(halves_[group.halves], left, counts, reader) &&
         get_crowded_group(halves_[group.halves + 1], items - left, counts, reader);
}

}  // namespace templar
