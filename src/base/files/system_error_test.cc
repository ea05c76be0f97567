#include "base/files/system_error.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "support/expect_failure.h"

namespace templar::testing {
namespace {

TEST(SystemError, SaysWhatToDoAboutWhatMayPass) {
  EXPECT_TRUE(
      fails(Status(system_error("x", ENOSPC)), ErrorKind::kRetry, "x: No space left on device: free some"));
  EXPECT_TRUE(fails(Status(system_error("x", EDQUOT)), ErrorKind::kRetry, "x: Disk quota exceeded: free"));
  EXPECT_TRUE(fails(Status(system_error("x", EROFS)), ErrorKind::kRetry, "x: Read-only file system: mount"));
  EXPECT_TRUE(fails(Status(system_error("x", EMFILE)), ErrorKind::kRetry, "`ulimit -n`"));
}

TEST(SystemError, LeavesTheRestInTheSystemsWords) {
  EXPECT_TRUE(fails(Status(system_error("x", EACCES)), ErrorKind::kFatal, "x: Permission denied"));
  EXPECT_EQ(system_message(ENOENT), "No such file or directory");
  EXPECT_FALSE(may_pass(0));
}

}  // namespace
}  // namespace templar::testing
