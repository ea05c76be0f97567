#include "support/test_run.h"

#include "base/random.h"
#include "base/threads/thread_team.h"
#include "core/consensus/state_root.h"

namespace templar::testing {

TestRun::TestRun(const RunSpec& run_spec)
    : spec(run_spec), layout(parameter_layout(spec.model)), parameters(layout) {
  initialise_parameters(layout, spec.model, spec.seed, parameters.spans());
}

Hash256 TestRun::state_root() const {
  ThreadTeam team(1);
  return compute_state_root(layout, values(), team);
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
