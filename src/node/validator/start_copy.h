// A copy of the model at a window's start, shared by all who need one: what measures contributions puts the
// parameters back from it, a checkpoint is written from it while the window goes on.
#pragma once

#include <memory>
#include <vector>

#include "base/hash.h"
#include "base/mutex.h"
#include "base/thread_team.h"
#include "core/run/parameter_layout.h"

namespace templar {

class StartCopy {
 public:
  explicit StartCopy(const ParameterLayout& layout) : layout_(layout) {}

  // The parameters of that state root, copied on all threads of the team unless the last copy is of the same.
  // Nobody changes what is returned, which may be held on any thread. Memory for a second copy is taken only
  // while somebody holds the one before; it is kept for the next time.
  [[nodiscard]] std::shared_ptr<const ParameterBuffers> take(const Hash256& state_root,
                                                             ConstParameterSpans parameters,
                                                             ThreadTeam& team);

 private:
  // Buffers that nobody holds. Whoever lets the last reference go puts its buffer back, under the mutex: who
  // takes it afterwards sees that it is no longer read.
  struct Free {
    Mutex mutex;
    std::vector<std::unique_ptr<ParameterBuffers>> buffers GUARDED_BY(mutex);
  };
  [[nodiscard]] std::unique_ptr<ParameterBuffers> free_buffer();

  const ParameterLayout layout_;
  const std::shared_ptr<Free> free_ = std::make_shared<Free>();
  std::shared_ptr<const ParameterBuffers> copy_;
  Hash256 state_root_;
};

// As copy_parameters, on all threads of the team.
void copy_parameters(ConstParameterSpans from, ParameterSpans to, ThreadTeam& team);

}  // namespace templar
