#include "base/files/folder_lock.h"

#include <gtest/gtest.h>

#include <fstream>
#include <optional>

#include "support/expect_failure.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

TEST(FolderLock, IsHeldByOneAtATime) {
  const TemporaryFolder folder;
  auto first = FolderLock::take(folder.path(), LockScope::kProcess);
  ASSERT_TRUE(first);
  EXPECT_TRUE(fails(FolderLock::take(folder.path(), LockScope::kProcess), ErrorKind::kRetry,
                    "another process works in this folder"));
  first = FolderLock::take(TemporaryFolder().path(), LockScope::kProcess);
  EXPECT_TRUE(FolderLock::take(folder.path(), LockScope::kWithChildren));
}

TEST(FolderLock, NamesTheFolderThatItCannotUse) {
  const TemporaryFolder folder;
  std::ofstream(folder / "file") << "x";
  EXPECT_TRUE(fails(FolderLock::take(folder / "file", LockScope::kProcess), ErrorKind::kFatal, "file"));
}

}  // namespace
}  // namespace templar::testing
