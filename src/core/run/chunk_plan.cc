#include "core/run/chunk_plan.h"

#include <algorithm>

#include "base/check.h"

namespace templar {

int64_t chunk_edge(int64_t size, int64_t target) {
  CHECK(size >= 1 && target >= 1);
  int64_t edge = std::min(size, target);
  while (size % edge != 0) --edge;
  return edge;
}

ChunkPlan plan_chunks(std::span<const int64_t> shape, const CodecSpec& codec) {
  CHECK(shape.size() == 1 || shape.size() == 2);
  CHECK(codec.chunk <= kMaxChunkEdge && codec.topk >= 1);
  ChunkPlan plan;
  plan.rows = shape.size() == 2 ? shape[0] : 1;
  plan.columns = shape.back();
  plan.tile_rows = chunk_edge(plan.rows, codec.chunk);
  plan.tile_columns = chunk_edge(plan.columns, codec.chunk);
  const int64_t kept = std::min(codec.topk, plan.chunk_elements());
  plan.kept = std::max<int64_t>(kept - kept % 2, 1);
  return plan;
}

std::vector<ChunkPlan> plan_chunks(const ParameterLayout& layout, const CodecSpec& codec) {
  std::vector<ChunkPlan> plans;
  plans.reserve(layout.size());
  for (const ParameterInfo& parameter : layout) plans.push_back(plan_chunks(parameter.shape, codec));
  return plans;
}

int64_t kept_total(std::span<const ChunkPlan> plans) {
  int64_t total = 0;
  for (const ChunkPlan& plan : plans) total += plan.kept_total();
  return total;
}

}  // namespace templar
