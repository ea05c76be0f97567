// What tests read from an engine and write into it, for engines whose calls are not what fails.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/check.h"
#include "core/run/parameter_layout.h"
#include "engine/engine.h"

namespace templar::testing {

[[nodiscard]] inline ConstParameterSpans parameters_of(const Engine& engine) {
  return engine.parameters().value();
}

inline void edit_parameters(Engine& engine, const std::function<void(ParameterSpans)>& edit) {
  CHECK(engine
            .edit_parameters([&](ParameterSpans parameters) -> Status {
              edit(parameters);
              return {};
            })
            .has_value());
}

inline void set_parameters(Engine& engine, ConstParameterSpans values) {
  edit_parameters(engine, [&](ParameterSpans parameters) { copy_parameters(values, parameters); });
}

inline void initialise(Engine& engine, const ModelSpec& model, uint64_t seed) {
  edit_parameters(engine, [&](ParameterSpans parameters) {
    initialise_parameters(engine.layout(), model, seed, parameters);
  });
}

// One value of one parameter, counted from 0.
inline void add_to_parameter(Engine& engine, size_t parameter, size_t at, float added) {
  edit_parameters(engine, [&](ParameterSpans parameters) { parameters[parameter][at] += added; });
}

[[nodiscard]] inline std::vector<float> flat(ConstParameterSpans spans) {
  std::vector<float> values;
  for (const std::span<const float>& span : spans) values.insert(values.end(), span.begin(), span.end());
  return values;
}
[[nodiscard]] inline std::vector<float> flat(ParameterSpans spans) {
  return flat(ConstParameterSpans(std::vector<std::span<const float>>(spans.begin(), spans.end())));
}

[[nodiscard]] inline std::vector<float> flat_parameters(const Engine& engine) {
  return flat(parameters_of(engine));
}
[[nodiscard]] inline std::vector<float> flat_gradients(Engine& engine) {
  return flat(engine.gradients().value());
}
// All moments of the optimiser, one behind the other.
[[nodiscard]] inline std::vector<float> flat_moments(Engine& engine) {
  std::vector<float> values;
  const OptimiserState state = engine.optimiser_state().value();
  for (const Moment& moment : state.moments)
    values.insert(values.end(), moment.values.begin(), moment.values.end());
  return values;
}

}  // namespace templar::testing
