#include "app/world/node_memory.h"

#include <gtest/gtest.h>

#include "core/run/parameter_layout.h"

namespace templar {
namespace {

// Without the activations, which the sequences decide and not the parameters.
double bytes_a_parameter(const RunSpec& spec, NodeRole role) {
  const NodeMemory memory = node_memory(spec, role, {.micro_batch = 1}, /*on_card=*/false);
  int64_t bytes = memory.beside.total();
  for (const MemoryEntry& entry : memory.engine.entries) {
    if (entry.what != "activations") bytes += entry.bytes;
  }
  return static_cast<double>(bytes) / static_cast<double>(parameter_count(parameter_layout(spec.model)));
}

TEST(NodeMemory, IsThatOfTheRole) {
  RunSpec spec = preset_run_spec("1B").value();
  EXPECT_DOUBLE_EQ(bytes_a_parameter(spec, NodeRole::kMiner), 24) << "16 of the engine, feedback and start";
  EXPECT_DOUBLE_EQ(bytes_a_parameter(spec, NodeRole::kValidator), 12) << "parameters and two copies";
  EXPECT_DOUBLE_EQ(bytes_a_parameter(spec, NodeRole::kEvaluator), 4);
  spec.inner.optimiser = InnerOptimiser::kMuon;
  EXPECT_NEAR(bytes_a_parameter(spec, NodeRole::kMiner), 20.6, 0.1)
      << "a second moment of embedding and head alone, and working memory of one matrix";
}

TEST(NodeMemory, OnACardKeepsCopiesOnTheHost) {
  const RunSpec spec = preset_run_spec("150M").value();
  const int64_t one_set = 4 * parameter_count(parameter_layout(spec.model));
  EXPECT_EQ(node_memory(spec, NodeRole::kEvaluator, {}, /*on_card=*/true).beside.total(), one_set);
  EXPECT_EQ(node_memory(spec, NodeRole::kMiner, {}, /*on_card=*/true).beside.total(), 5 * one_set);
}

}  // namespace
}  // namespace templar
