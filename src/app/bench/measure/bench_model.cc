#include "app/bench/measure/bench_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/random.h"
#include "base/threads/processors.h"
#include "formats/safetensors/safetensors.h"

namespace templar {
namespace {

constexpr std::string_view kGradientPrefix = "pseudo_gradient.";
constexpr std::string_view kFeedbackPrefix = "error_feedback.";

}  // namespace

int bench_threads() {
  return std::min(2, available_processors());
}

ModelSpec bench_model(int64_t millions) {
  auto spec = preset_run_spec("150M");
  CHECK(spec.has_value());
  spec->model.vocab_size = 4096;
  if (millions < 30) {
    spec->model.vocab_size = 1024;
    spec->model.hidden_size /= 4;
    spec->model.intermediate_size = 704;  // a multiple of the chunk, as 150M has
  }
  const auto parameters_with = [&](int64_t layers) {
    spec->model.num_hidden_layers = layers;
    return parameter_count(parameter_layout(spec->model));
  };
  const int64_t with_one = parameters_with(1);
  const int64_t a_layer = parameters_with(2) - with_one;
  const int64_t missing = std::max<int64_t>(0, millions * 1'000'000 - with_one);
  spec->model.num_hidden_layers = 1 + (missing + a_layer - 1) / a_layer;
  return spec->model;
}

ParameterLayout bench_layout(int64_t millions) {
  return parameter_layout(bench_model(millions));
}

BenchGradient synthetic_gradient(const ParameterLayout& layout, uint64_t seed) {
  // Drawing as many as a large model has would take longer than what is measured.
  constexpr size_t kDrawn = (size_t{1} << 20) + 7;
  Random random(seed, "bench");
  std::vector<float> drawn(kDrawn);
  for (float& value : drawn) value = static_cast<float>(0.01 * random.normal());
  BenchGradient gradient{layout, ParameterBuffers(layout), ParameterBuffers(layout)};
  for (const std::span<float> values : gradient.pseudo_gradient.spans()) {
    size_t next = random.below(kDrawn);
    for (float& value : values) {
      value = drawn[next];
      next = next + 1 == kDrawn ? 0 : next + 1;
    }
  }
  return gradient;
}

Result<BenchGradient> load_gradient(const std::filesystem::path& file) {
  TRY_ASSIGN(const MappedSafetensors tensors, MappedSafetensors::open(file));
  const auto& entries = tensors.header().tensors;
  const auto has_prefix = [](const SafetensorsEntry& entry) {
    return entry.name.starts_with(kGradientPrefix);
  };
  const bool is_dump = std::ranges::any_of(entries, has_prefix);
  ParameterLayout layout;
  for (const SafetensorsEntry& entry : entries) {
    if (is_dump && !has_prefix(entry)) continue;
    if (entry.shape.empty() || entry.shape.size() > 2 || entry.dtype != "F32") {
      return fatal_error(fmt::format("{}: {} is {} with {} dimensions; F32 with one or two can be compressed",
                                     file.string(), entry.name, entry.dtype, entry.shape.size()));
    }
    layout.push_back({is_dump ? entry.name.substr(kGradientPrefix.size()) : entry.name, entry.shape});
  }
  if (layout.empty()) return fatal_error(file.string() + ": has no tensors");
  BenchGradient gradient{layout, ParameterBuffers(layout), ParameterBuffers(layout)};
  for (size_t i = 0; i < layout.size(); ++i) {
    const std::string prefix(is_dump ? kGradientPrefix : "");
    TRY(tensors.copy_f32({prefix + layout[i].name, layout[i].shape}, gradient.pseudo_gradient.spans()[i]));
    if (!is_dump) continue;
    TRY(tensors.copy_f32({std::string(kFeedbackPrefix) + layout[i].name, layout[i].shape},
                         gradient.error_feedback.spans()[i]));
  }
  return gradient;
}

}  // namespace templar
