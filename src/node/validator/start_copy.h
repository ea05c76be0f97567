// A copy of the model at a window's start, shared by its two users: the measuring of contributions puts the
// parameters back from it, and a checkpoint is written from it while the window goes on.
#pragma once

#include <memory>
#include <vector>

#include "base/hash.h"
#include "base/threads/mutex.h"
#include "base/threads/thread_team.h"
#include "core/run/parameter_layout.h"

namespace templar {

class StartCopy {
 public:
  explicit StartCopy(const ParameterLayout& layout) : layout_(layout) {}

  // The parameters of that state root, copied on all threads of the team unless the last copy has the same
  // root. The copy that is returned never changes and may be held on any thread. Memory for a second copy is
  // taken only while the one before is still held, and is kept for the next time.
  [[nodiscard]] std::shared_ptr<const ParameterBuffers> take(const Hash256& state_root,
                                                             ConstParameterSpans parameters,
                                                             ThreadTeam& team);

 private:
  // Buffers that are not in use. The thread that lets a copy's last reference go puts its buffer back under
  // the mutex, so that the thread that takes the buffer next sees all reading ended.
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

// Copies the values of from into to, which has the same shape (CHECK), on all threads of the team.
void copy_parameters(ConstParameterSpans from, ParameterSpans to, ThreadTeam& team);

}  // namespace templar
