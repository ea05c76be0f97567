// Which update the run's inner optimiser makes of each parameter, and what it remembers for it. AdamW updates
// all alike. Muon updates the matrices of the layers, each by itself (queries, keys and values are three,
// gate and up two), and leaves embedding, head and vectors to AdamW with rates of their own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/run/parameter_layout.h"
#include "core/run/run_spec.h"

namespace templar {

struct ParameterUpdate {
  InnerOptimiser rule = InnerOptimiser::kAdamw;
  double rate_factor = 1;  // of the step's learning rate

  bool operator==(const ParameterUpdate&) const = default;
};

// One a parameter, in the layout's order.
[[nodiscard]] std::vector<ParameterUpdate> parameter_updates(const InnerSpec& inner,
                                                             const ParameterLayout& layout);

// The parameters that AdamW updates, and so have a second moment. All have a first one: AdamW's, or Muon's
// momentum.
[[nodiscard]] ParameterLayout second_moment_layout(const InnerSpec& inner, const ParameterLayout& layout);

// A moment's name: "model.norm.weight.exp_avg", as PyTorch calls it.
[[nodiscard]] std::string first_moment_name(const ParameterInfo& parameter, InnerOptimiser rule);
[[nodiscard]] std::string second_moment_name(const ParameterInfo& parameter);

}  // namespace templar
