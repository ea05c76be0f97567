#include "core/coding/block_canon.h"

namespace templar {

ModeChooser::ModeChooser(const ChunkPlan& plan) {
  for (int mode = 0; mode < kPositionModes; ++mode) coders_[mode] = CellCoder::of(plan, mode);
}

void ModeChooser::add(std::span<const uint16_t> positions) {
  for (size_t first = 0; first < coders_.size(); first += kTransposedMode) {
    const CellCoder& cells = *coders_[first];
    cells.prepare(scratch_);
    cells.fill_cells(positions, scratch_);
    cells.count_cells(scratch_);
    BitCounter places;
    cells.put_places(scratch_, places);
    for (size_t mode = first; mode < first + kTransposedMode; ++mode) {
      BitCounter counts;
      coders_[mode]->put_counts(scratch_, counts);
      costs_[mode] += counts.total() + places.total();
    }
  }
}

void ModeChooser::add(const ModeChooser& other) {
  for (size_t mode = 0; mode < costs_.size(); ++mode) costs_[mode] += other.costs_[mode];
}

uint8_t ModeChooser::cheapest() const {
  // The first of the smallest: of equal costs the lowest mode, as the protocol says.
  return static_cast<uint8_t>(std::ranges::min_element(costs_) - costs_.begin());
}

}  // namespace templar
