#include "engine/model/optimiser_plan.h"

namespace templar {
namespace {

constexpr std::string_view kEmbedding = "model.embed_tokens.weight";
constexpr std::string_view kHead = "lm_head.weight";

ParameterUpdate muon_update(const MuonSpec& muon, const ParameterInfo& parameter) {
  if (parameter.shape.size() < 2) return {InnerOptimiser::kAdamw, muon.vector_rate};
  // A tied head is the embedding, and updated as such.
  if (parameter.name == kEmbedding) return {InnerOptimiser::kAdamw, muon.embedding_rate};
  if (parameter.name == kHead) return {InnerOptimiser::kAdamw, muon.head_rate};
  return {InnerOptimiser::kMuon, 1};
}

}  // namespace

std::vector<ParameterUpdate> parameter_updates(const InnerSpec& inner, const ParameterLayout& layout) {
  std::vector<ParameterUpdate> updates;
  for (const ParameterInfo& parameter : layout) {
    const bool with_muon = inner.optimiser == InnerOptimiser::kMuon;
    updates.push_back(with_muon ? muon_update(inner.muon, parameter) : ParameterUpdate{});
  }
  return updates;
}

ParameterLayout second_moment_layout(const InnerSpec& inner, const ParameterLayout& layout) {
  const std::vector<ParameterUpdate> updates = parameter_updates(inner, layout);
  ParameterLayout with_second;
  for (size_t i = 0; i < layout.size(); ++i) {
    if (updates[i].rule == InnerOptimiser::kAdamw) with_second.push_back(layout[i]);
  }
  return with_second;
}

std::string first_moment_name(const ParameterInfo& parameter, InnerOptimiser rule) {
  return parameter.name + (rule == InnerOptimiser::kMuon ? ".momentum_buffer" : ".exp_avg");
}

std::string second_moment_name(const ParameterInfo& parameter) {
  return parameter.name + ".exp_avg_sq";
}

}  // namespace templar
