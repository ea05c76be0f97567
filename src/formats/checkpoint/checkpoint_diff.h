// How far two checkpoints of one model are apart.
#pragma once

#include <string>
#include <vector>

#include "formats/checkpoint/checkpoint_files.h"

namespace templar {

struct ParameterDifference {
  std::string name;
  int64_t values = 0;
  int64_t different = 0;         // values with other bits
  int64_t first_different = -1;  // index of the first of them; -1: none
  double largest = 0;            // of |b - a|; not a number where one of them is none
  double relative = 0;           // ||b - a|| / ||a||
};

struct CheckpointDifference {
  CheckpointManifest a;
  CheckpointManifest b;
  std::vector<ParameterDifference> parameters;  // canonical order
  double relative = 0;                          // of all parameters together

  [[nodiscard]] bool equal() const;  // to the last bit
};

// Reads both side by side, holding a piece of each. Fails (skip) where one of them is no checkpoint or their
// models have other shapes; the pieces' hashes are not checked, see verify_checkpoint.
[[nodiscard]] Result<CheckpointDifference> compare_checkpoints(const CheckpointFiles& a,
                                                               const CheckpointFiles& b);

// The run spec that lies in a checkpoint, checked against its manifest. Fails (skip).
[[nodiscard]] Result<RunSpec> read_run_spec(const CheckpointFiles& files, const CheckpointManifest& manifest);

}  // namespace templar
