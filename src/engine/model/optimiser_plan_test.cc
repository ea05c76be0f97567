#include "engine/model/optimiser_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/contracts/engine_contract.h"

namespace templar::testing {
namespace {

InnerSpec muon() {
  InnerSpec inner = contract_inner();
  inner.optimiser = InnerOptimiser::kMuon;
  inner.muon.embedding_rate = 2;
  inner.muon.head_rate = 3;
  inner.muon.vector_rate = 4;
  return inner;
}

TEST(OptimiserPlan, UpdatesAllAlikeWithAdamw) {
  const ParameterLayout layout = parameter_layout(contract_model());
  EXPECT_THAT(parameter_updates(contract_inner(), layout),
              ::testing::Each(ParameterUpdate{InnerOptimiser::kAdamw, 1}));
  EXPECT_EQ(second_moment_layout(contract_inner(), layout), layout);
}

TEST(OptimiserPlan, GivesMuonTheMatricesOfTheLayers) {
  const ParameterLayout layout = parameter_layout(contract_model());
  const auto updates = parameter_updates(muon(), layout);
  std::vector<std::string> of_muon;
  for (size_t i = 0; i < layout.size(); ++i) {
    if (updates[i].rule != InnerOptimiser::kMuon) continue;
    EXPECT_EQ(updates[i].rate_factor, 1);
    if (layout[i].name.starts_with("model.layers.0.")) of_muon.push_back(layout[i].name.substr(15));
  }
  EXPECT_THAT(of_muon,
              ::testing::ElementsAre("self_attn.q_proj.weight", "self_attn.k_proj.weight",
                                     "self_attn.v_proj.weight", "self_attn.o_proj.weight",
                                     "mlp.gate_proj.weight", "mlp.up_proj.weight", "mlp.down_proj.weight"));
  EXPECT_EQ(updates.front(), (ParameterUpdate{InnerOptimiser::kAdamw, 2})) << "the embedding";
  EXPECT_EQ(updates.back(), (ParameterUpdate{InnerOptimiser::kAdamw, 3})) << "the head";
  EXPECT_EQ(updates[updates.size() - 2], (ParameterUpdate{InnerOptimiser::kAdamw, 4})) << "the last norm";
}

TEST(OptimiserPlan, KeepsASecondMomentForWhatAdamwUpdates) {
  const ParameterLayout layout = parameter_layout(contract_model());
  const ParameterLayout second = second_moment_layout(muon(), layout);
  std::vector<std::string> names;
  for (const ParameterInfo& parameter : second) names.push_back(parameter.name);
  EXPECT_THAT(names, ::testing::Contains("lm_head.weight"));
  EXPECT_THAT(names, ::testing::Not(::testing::Contains("model.layers.0.mlp.up_proj.weight")));
  EXPECT_EQ(second.size(), 3 + 2 * 2) << "embedding, head, last norm, two norms in each of two layers";
}

}  // namespace
}  // namespace templar::testing
