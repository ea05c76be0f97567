#include "support/small_model.h"

#include "base/random.h"

namespace templar::testing {
namespace {

int64_t largest_divisor_up_to(int64_t number, int64_t limit) {
  for (int64_t divisor = limit; divisor > 1; --divisor) {
    if (number % divisor == 0) return divisor;
  }
  return 1;
}

}  // namespace

std::vector<ChunkTotals> chunk_totals(const ParameterLayout& layout, int64_t chunk) {
  std::vector<ChunkTotals> totals;
  for (const ParameterInfo& parameter : layout) {
    int64_t size = 1;
    for (const int64_t dimension : parameter.shape) size *= largest_divisor_up_to(dimension, chunk);
    totals.push_back({.chunks = parameter.count() / size, .chunk_size = size});
  }
  return totals;
}

SmallModel::SmallModel(const RunSpec& run_spec)
    : spec(run_spec),
      layout(parameter_layout(spec.model)),
      totals(chunk_totals(layout, spec.codec.chunk)),
      parameters(layout) {
  initialise_parameters(layout, spec.model, spec.seed, parameters.spans());
}

ParameterBuffers random_values(const ParameterLayout& layout, uint64_t seed, float deviation) {
  ParameterBuffers values(layout);
  for (size_t i = 0; i < layout.size(); ++i) {
    Random random(seed, layout[i].name);
    for (float& value : values.spans()[i]) value = deviation * static_cast<float>(random.normal());
  }
  return values;
}

}  // namespace templar::testing
