// A copy of the model at a window's start, shared by all who need one: what measures contributions puts the parameters back
// from it, a checkpoint is written from it while the window goes on.
#pragma once

#include <memory>

#include "base/hash.h"
#include "base/thread_team.h"
#include "core/protocol/parameter_layout.h"

namespace templar {

class StartCopy {
 public:
  explicit StartCopy(const ParameterLayout& layout) : layout_(layout) {}

  // The parameters of that state root, copied on all threads of the team unless the last copy is of the same. Nobody changes
  // what is returned. Memory for a second copy is taken only while somebody still holds the one before.
  [[nodiscard]] std::shared_ptr<const ParameterBuffers> take(const Hash256& state_root, ConstParameterSpans parameters,
                                                             ThreadTeam& team);

 private:
  const ParameterLayout layout_;
  std::shared_ptr<ParameterBuffers> copy_;
  Hash256 state_root_;
};

// As copy_parameters, on all threads of the team.
void copy_parameters(ConstParameterSpans from, ParameterSpans to, ThreadTeam& team);

}  // namespace templar
