#include "base/files/open_files.h"

#include <sys/resource.h>

#include <algorithm>

namespace templar {

void raise_open_files_limit() {
  // More is of no use, and some systems have no end to the hard limit.
  constexpr rlim_t kEnough = 65536;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kEnough) return;
  limit.rlim_cur = std::min(limit.rlim_max, kEnough);
  // Where it can't be raised, what needs more says so when it fails.
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

}  // namespace templar
