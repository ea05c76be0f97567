#include "app/world/core_dumps.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;

// Whether a process that crashes in that folder, which may leave cores, leaves one.
bool leaves_core(const fs::path& folder, bool is_forbidden) {
  const pid_t child = ::fork();
  if (child == 0) {
    rlimit limit{};
    ::getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_CORE, &limit) != 0 || ::chdir(folder.c_str()) != 0) ::_exit(1);
    ::prctl(PR_SET_DUMPABLE, 1);
    if (is_forbidden) forbid_core_dumps();
    ::signal(SIGQUIT, SIG_DFL);
    ::raise(SIGQUIT);
    ::_exit(1);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  return WCOREDUMP(status) || !fs::is_empty(folder);
}

}  // namespace

TEST(CoreDumps, AreLeftByNobodyWhoForbadeThem) {
  const TemporaryFolder folder;
  EXPECT_FALSE(leaves_core(folder.path(), true));
  if (!leaves_core(folder.path(), false)) GTEST_SKIP() << "nobody leaves cores on this machine";
}

}  // namespace templar::testing
