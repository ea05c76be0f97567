#include "core/protocol/block_canon.h"

namespace templar {

ModeChooser::ModeChooser(const ChunkPlan& plan) {
  for (int mode = 0; mode < kPositionModes; ++mode)
    coders_[static_cast<size_t>(mode)] = CellCoder::of(plan, mode);
}

void ModeChooser::add(std::span<const uint16_t> positions) {
  for (size_t mode = 0; mode < coders_.size(); ++mode) {
    // The cells are the same for all classes.
    if (mode % kTransposedMode == 0) {
      coders_[mode]->prepare(scratch_);
      coders_[mode]->fill_cells(positions, scratch_);
    }
    coders_[mode]->put(scratch_, costs_[mode]);
  }
}

uint8_t ModeChooser::cheapest() const {
  size_t best = 0;
  for (size_t mode = 1; mode < costs_.size(); ++mode) {
    if (costs_[mode].total() < costs_[best].total()) best = mode;
  }
  return static_cast<uint8_t>(best);
}

}  // namespace templar
