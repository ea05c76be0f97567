#include "core/codec/demo.h"

#include <fmt/format.h>

#include "base/check.h"
#include "core/codec/parameter_encoder.h"

namespace templar {

Result<std::vector<EncodedParameter>> prepare_demo(const DemoStep& step, ParameterSpans parameters,
                                                   ParameterSpans momentum, ParameterSpans gradients,
                                                   const ParameterLayout& layout, const CodecSpec& codec,
                                                   ThreadTeam& team) {
  CHECK(parameters.size() == layout.size() && momentum.size() == layout.size() &&
        gradients.size() == layout.size());
  CHECK(step.iteration >= 0);
  const bool subtract_sent = step.iteration >= kDemoIterationsWithoutSubtraction;
  std::vector<EncodedParameter> encoded;
  encoded.reserve(layout.size());
  for (size_t i = 0; i < layout.size(); ++i) {
    if (gradients[i].empty()) return skip_error(fmt::format("gradient of {}: missing", layout[i].name));
    BlendedInput next_momentum{{},
                               static_cast<float>(codec.error_feedback_decay),
                               gradients[i],
                               static_cast<float>(step.learning_rate)};
    if (step.iteration > 0) next_momentum.base = momentum[i];
    // The new momentum goes where the gradient was: the old one stays whole until all have succeeded.
    TRY_ASSIGN(EncodedParameter parameter,
               encode_parameter(next_momentum, layout[i], codec, team, {gradients[i], subtract_sent}));
    encoded.push_back(std::move(parameter));
  }

  // From here on nothing can fail: parameters and momentum move on together.
  const auto shrink = static_cast<float>(1.0 - step.learning_rate * step.weight_decay);
  for (size_t i = 0; i < layout.size(); ++i) {
    store_blend({.base = parameters[i], .base_factor = shrink}, parameters[i], team);
    store_blend({.base = gradients[i]}, momentum[i], team);
  }
  return encoded;
}

}  // namespace templar
