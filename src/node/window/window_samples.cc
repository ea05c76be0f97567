#include "node/window/window_samples.h"

#include "core/data/make_receipt.h"

namespace templar {

Result<Shard> open_active_shard(const NodeEnvironment& environment, const WindowPlan& plan) {
  return environment.shards.open_shard(active_shard(static_cast<uint64_t>(plan.shard_outer_step),
                                                    static_cast<uint64_t>(plan.outer_steps_per_shard),
                                                    environment.shards.shard_count()));
}

SampleAssignment assigned_samples(const NodeEnvironment& environment, const WindowPlan& plan,
                                  const Shard& shard, uint32_t uid) {
  return assign_samples(environment.spec.seed, uid, static_cast<uint64_t>(plan.window), shard.sample_count(),
                        static_cast<uint64_t>(environment.spec.inner.samples_per_window()));
}

SampleReceipt receipt_of(const SampleAssignment& assignment, const Shard& shard) {
  std::vector<uint64_t> ids;
  ids.reserve(assignment.size());
  for (const uint64_t index : assignment.indices()) ids.push_back(shard.sample_id(index));
  return make_receipt(ids);
}

SampleTokens read_samples(const SampleAssignment& assignment, const Shard& shard, int64_t first,
                          int64_t count) {
  SampleTokens samples{.tokens = {}, .sequence_length = static_cast<int64_t>(shard.sequence_length())};
  samples.tokens.reserve(static_cast<size_t>(count) * shard.sequence_length());
  for (int64_t i = 0; i < count; ++i) {
    const auto sample = shard.sample(assignment.at(static_cast<uint64_t>(first + i)));
    samples.tokens.insert(samples.tokens.end(), sample.begin(), sample.end());
  }
  return samples;
}

}  // namespace templar
