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

TEST(FolderLock, OneMayHoldAllPartsOrManyOneEach) {
  const TemporaryFolder folder;
  {
    const auto before = FolderLock::share_parts(folder.path());
    EXPECT_TRUE(before) << "nobody has ever taken all";
    EXPECT_TRUE(FolderLock::take_parts(folder.path()));
  }
  std::optional<FolderLock> first = FolderLock::share_parts(folder.path()).value();
  const auto second = FolderLock::share_parts(folder.path());
  ASSERT_TRUE(second);
  EXPECT_TRUE(fails(FolderLock::take_parts(folder.path()), ErrorKind::kRetry, "another process works"));
  EXPECT_TRUE(FolderLock::take(folder.path(), LockScope::kProcess)) << "the folder itself is another matter";
}

TEST(FolderLock, HoldsAllPartsAgainstWhoeverWantsOne) {
  const TemporaryFolder folder;
  auto all = FolderLock::take_parts(folder.path());
  ASSERT_TRUE(all);
  EXPECT_TRUE(fails(FolderLock::share_parts(folder.path()), ErrorKind::kRetry, "another process works"));
  all = FolderLock::take_parts(TemporaryFolder().path());
  EXPECT_TRUE(FolderLock::share_parts(folder.path()));
}

TEST(FolderLock, NamesTheFolderThatItCannotUse) {
  const TemporaryFolder folder;
  std::ofstream(folder / "file") << "x";
  EXPECT_TRUE(fails(FolderLock::take(folder / "file", LockScope::kProcess), ErrorKind::kFatal, "file"));
}

}  // namespace
}  // namespace templar::testing
