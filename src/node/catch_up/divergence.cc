#include "node/catch_up/divergence.h"

#include <numeric>

#include "base/log/log.h"

namespace templar {
namespace {

size_t count_blocks(const StateTree& tree) {
  return std::accumulate(
      tree.parameters.begin(), tree.parameters.end(), size_t{0},
      [](size_t sum, const ParameterHash& parameter) { return sum + parameter.blocks.size(); });
}

}  // namespace

void report_healed(const NodeEnvironment& environment, const NodeName& node, const Divergence& divergence,
                   const StateTree& healed) {
  const auto first = first_difference(environment.layout, divergence.ours, healed);
  if (!first) return;  // the parameters were right, only the count of outer steps was not
  const std::string& parameter = environment.layout[first->parameter].name;
  const auto different = static_cast<int64_t>(count_differences(divergence.ours, healed));
  const auto all = static_cast<int64_t>(count_blocks(healed));
  log(LogLevel::kWarning, node.role, "model healed: it differed in",
      {{"uid", node.uid},
       {"window", divergence.window},
       {"parameter", parameter},
       {"block", first->block},
       {"first_byte", first->first_byte},
       {"end_byte", first->end_byte},
       {"place", first->description},
       {"different_blocks", different},
       {"blocks", all}});
  environment.metrics.write(node_measurement("model_divergence", node, environment,
                                             {{"window", divergence.window},
                                              {"parameter", parameter},
                                              {"block", static_cast<int64_t>(first->block)},
                                              {"first_byte", static_cast<int64_t>(first->first_byte)},
                                              {"end_byte", static_cast<int64_t>(first->end_byte)},
                                              {"different_blocks", different},
                                              {"blocks", all},
                                              {"state_root", divergence.ours.root.hex()},
                                              {"leader_state_root", divergence.decided.hex()}}));
}

}  // namespace templar
