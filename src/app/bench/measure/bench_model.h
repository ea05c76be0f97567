// Parameters to measure the gradient pipeline on: of a given size, or somebody's own.
#pragma once

#include <cstdint>
#include <filesystem>

#include "core/run/parameter_layout.h"
#include "core/run/run_spec.h"

namespace templar {

// The threads of a benchmark that is not told: two, or the one that it may have.
[[nodiscard]] int bench_threads();

// What is compressed: error_feedback is all zeros where nobody gives one.
struct BenchGradient {
  ParameterLayout layout;
  ParameterBuffers pseudo_gradient;
  ParameterBuffers error_feedback;
};

// The preset 150M's model with as many layers as make at least so many million parameters; below 30, of a
// quarter of its width; and its layout.
[[nodiscard]] ModelSpec bench_model(int64_t millions);
[[nodiscard]] ParameterLayout bench_layout(int64_t millions);

// Normal values, other ones for each seed: the kept positions are uniform, the most expensive ones that there
// are.
[[nodiscard]] BenchGradient synthetic_gradient(const ParameterLayout& layout, uint64_t seed);

// A safetensors file with F32 tensors of one or two dimensions: what --dump-pseudo-gradients has written, or
// a checkpoint's model. Fails as the file's parser does.
[[nodiscard]] Result<BenchGradient> load_gradient(const std::filesystem::path& file);

}  // namespace templar
