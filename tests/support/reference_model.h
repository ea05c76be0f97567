// A model of tests/vectors/model: what PyTorch computed with it.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/json/json.h"
#include "core/run/run_spec.h"

namespace templar::testing {

struct ReferenceModel {
  std::map<std::string, std::vector<float>> tensors;    // "logits", "param.NAME", "grad.NAME", "after.NAME"
  std::map<std::string, std::vector<uint32_t>> tokens;  // "tokens.STEP", [batch, sequence]
  int64_t batch = 0;
  int64_t sequence = 0;
  Json metadata;
  ModelSpec model;
  InnerSpec inner;

  [[nodiscard]] double number(const char* name) const;
  // A list of the metadata, one number a step.
  [[nodiscard]] std::vector<double> numbers(const char* name) const;
};

// The name of a file without its ending; ends the test program where there is none.
[[nodiscard]] ReferenceModel load_reference_model(const std::string& name);

// Of `got` from `want`, relative to the largest of `want`; infinite where a value is no number or the sizes
// differ.
[[nodiscard]] double largest_deviation(std::span<const float> got, const std::vector<float>& want);

}  // namespace templar::testing
