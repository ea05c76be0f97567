#include "base/files/open_files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "support/child_process.h"

namespace templar::testing {
namespace {

TEST(OpenFiles, MayBeAsManyAsTheHardLimitAllows) {
  const int end = run_in_child([] {
    const rlimit low{.rlim_cur = 20, .rlim_max = 100};
    if (::setrlimit(RLIMIT_NOFILE, &low) != 0) return 1;
    raise_open_files_limit();
    rlimit raised{};
    if (::getrlimit(RLIMIT_NOFILE, &raised) != 0) return 2;
    return raised.rlim_cur == 100 && raised.rlim_max == 100 ? 0 : 3;
  });
  EXPECT_EQ(end, 0);
}

}  // namespace
}  // namespace templar::testing
