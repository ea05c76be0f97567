#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace templar {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: internal error, CHECK failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace templar
