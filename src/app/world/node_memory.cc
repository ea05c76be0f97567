#include "app/world/node_memory.h"

#include "core/run/parameter_layout.h"
#include "engine/cpu_engine.h"
#include "engine/device/device_memory.h"

namespace templar {

NodeMemory node_memory(const RunSpec& spec, NodeRole role, EngineOptions options, bool on_card) {
  options.use = role == NodeRole::kMiner ? EngineUse::kTraining : EngineUse::kEvaluating;
  const ParameterLayout layout = parameter_layout(spec.model);
  const int64_t one_set = parameter_count(layout) * static_cast<int64_t>(sizeof(float));
  NodeMemory memory;
  memory.engine = on_card ? device_engine_memory(spec.model, spec.inner, options)
                          : cpu_engine_memory(spec.model, spec.inner, options);
  if (on_card) memory.beside.add("the parameters' copy on the host, f32", one_set);
  switch (role) {
    case NodeRole::kMiner:
      memory.beside.add("error feedback (DeMo: momentum), f32", one_set);
      memory.beside.add("the window's start, then the pseudo-gradient, f32", one_set);
      if (on_card) memory.beside.add("the moments' copies on the host, once saved, f32", 2 * one_set);
      break;
    case NodeRole::kValidator:
      memory.beside.add("the window's start, for measuring and checkpoints, f32", one_set);
      memory.beside.add("a second one, while a checkpoint is still being written, f32", one_set);
      break;
    case NodeRole::kEvaluator:
      break;
  }
  return memory;
}

}  // namespace templar
