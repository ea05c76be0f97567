#include "app/world/core_dumps.h"

#include <sys/prctl.h>
#include <sys/resource.h>

namespace templar {

void forbid_core_dumps() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_CORE, &limit) == 0) {
    limit.rlim_cur = 0;
    static_cast<void>(::setrlimit(RLIMIT_CORE, &limit));
  }
  // The limit does not bind a system that hands cores to a program of its own.
  static_cast<void>(::prctl(PR_SET_DUMPABLE, 0));
}

}  // namespace templar
