#include "base/files/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "support/child_process.h"
#include "support/expect_failure.h"
#include "support/file_content.h"
#include "support/temporary_folder.h"

namespace templar {
namespace {

using testing::fails;
using testing::files_in;
using testing::TemporaryFolder;
using testing::text_of;

TEST(ReadFile, GivesTheWholeContentUpToTheLimit) {
  const TemporaryFolder folder;
  std::string content(10000, 'x');
  content[5000] = '\0';
  std::ofstream(folder / "file", std::ios::binary) << content;
  EXPECT_EQ(as_text(read_file(folder / "file", 10000).value()), content);
  EXPECT_TRUE(fails(read_file(folder / "file", 9999), ErrorKind::kFatal, "10000 bytes, at most 9999"));
}

TEST(ReadFile, NamesWhatItCannotRead) {
  const TemporaryFolder folder;
  EXPECT_TRUE(fails(read_file(folder / "absent", 10), ErrorKind::kFatal,
                    (folder / "absent").string() + ": No such file"));
  EXPECT_TRUE(fails(read_file(folder.path(), 10), ErrorKind::kFatal, "Is a directory"));
}

TEST(ReadFile, ReadsPipesAndTheKernelsFilesToTheirEnd) {
  const TemporaryFolder folder;
  const std::filesystem::path pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const std::string content(100'000, 'p');
  for (const size_t limit : {size_t{100'000}, size_t{99'999}}) {
    std::jthread writer([&] { std::ofstream(pipe, std::ios::binary) << content; });
    const auto read = read_file(pipe, limit);
    if (limit == content.size())
      EXPECT_EQ(as_text(read.value()), content);
    else
      EXPECT_TRUE(fails(read, ErrorKind::kFatal, "more than 99999 bytes"));
  }
  EXPECT_TRUE(as_text(read_file("/proc/self/status", 1 << 16).value()).starts_with("Name:"));
}

TEST(MakeFolder, SaysWhatIsInItsPlace) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file_atomically(folder / "file", "x"));
  for (const char* name : {"file", "file/below", "file/below/that"})
    EXPECT_TRUE(fails(make_folder(folder / name), ErrorKind::kFatal, "Not a directory")) << name;
  EXPECT_EQ(text_of(folder / "file"), "x");
}

TEST(WriteFileAtomically, ReplacesWhatLinksLeadTo) {
  const TemporaryFolder folder;
  ASSERT_TRUE(make_folder(folder / "there"));
  std::filesystem::create_symlink("there/file", folder / "link");
  std::filesystem::create_symlink(folder / "link", folder / "link-to-link");
  for (const char* content : {"made", "replaced"}) {
    ASSERT_TRUE(write_file_atomically(folder / "link-to-link", content));
    EXPECT_EQ(text_of(folder / "there" / "file"), content);
  }
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(files_in(folder / "there"), 1u);

  std::filesystem::create_symlink("round", folder / "round");
  EXPECT_TRUE(fails(write_file_atomically(folder / "round", "x"), ErrorKind::kFatal,
                    "round: Too many levels of symbolic links"));
}

TEST(WriteFileAtomically, TakesNoDevicesPlace) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  std::filesystem::create_symlink("pipe", folder / "link");
  for (const char* name : {"pipe", "link"}) {
    EXPECT_TRUE(fails(write_file_atomically(folder / name, "x"), ErrorKind::kFatal,
                      "pipe: is a device, a pipe or a socket"));
  }
  EXPECT_TRUE(std::filesystem::is_fifo(folder / "pipe"));
}

TEST(WriteFileAtomically, TakesEveryNameThatTheFileSystemTakes) {
  const TemporaryFolder folder;
  const std::string longest(255, 'n');
  ASSERT_TRUE(write_file_atomically(folder / longest, "x"));
  EXPECT_EQ(text_of(folder / longest), "x");
  EXPECT_TRUE(
      fails(write_file_atomically(folder / (longest + "n"), "x"), ErrorKind::kFatal, "File name too long"));
  EXPECT_EQ(files_in(folder.path()), 1u);
}

TEST(WriteFileAtomically, ReplacesTheContentWholeAndLeavesNothingElse) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file_atomically(folder / "file", "a long first content"));
  ASSERT_TRUE(write_file_atomically(folder / "file", "short"));
  EXPECT_EQ(text_of(folder / "file"), "short");
  ASSERT_TRUE(write_file_atomically(folder / "file", ""));
  EXPECT_EQ(text_of(folder / "file"), "");
  EXPECT_EQ(files_in(folder.path()), 1u);
}

TEST(WriteFileAtomically, FailsWhereTheFolderIsNoneOrAbsent) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file_atomically(folder / "file", "x"));
  EXPECT_TRUE(fails(write_file_atomically(folder / "file" / "below", "y"), ErrorKind::kFatal,
                    "file/below: Not a directory"));
  EXPECT_TRUE(
      fails(write_file_atomically(folder / "absent" / "below", "y"), ErrorKind::kFatal, "No such file"));
  EXPECT_EQ(text_of(folder / "file"), "x");
}

TEST(WriteFileAtomically, KeepsTheOldContentWhereTheTargetCannotBeReplaced) {
  const TemporaryFolder folder;
  ASSERT_TRUE(make_folder(folder / "target" / "full"));
  EXPECT_TRUE(fails(write_file_atomically(folder / "target", "y"), ErrorKind::kFatal, "target: "));
  EXPECT_TRUE(std::filesystem::is_directory(folder / "target" / "full"));
  EXPECT_EQ(files_in(folder.path()), 1u);
}

TEST(WriteFileAtomically, KeepsTheOldContentWhereTheDiskIsFull) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file_atomically(folder / "file", "old"));
  const int outcome = testing::run_in_child([&] {
    testing::limit_file_size(1000, /*deadly=*/false);
    return fails(write_file_atomically(folder / "file", std::string(5000, 'n')), ErrorKind::kFatal,
                 "File too large")
               ? 0
               : 1;
  });
  EXPECT_EQ(outcome, 0);
  EXPECT_EQ(text_of(folder / "file"), "old");
  EXPECT_EQ(files_in(folder.path()), 1u) << "a part was left behind";
}

// The kill comes in the middle of the write: the signal of a file that grows too large.
TEST(WriteFileAtomically, KeepsTheOldContentWhereTheProcessIsKilled) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file_atomically(folder / "file", "old"));
  const int outcome = testing::run_in_child([&] {
    testing::limit_file_size(1000, /*deadly=*/true);
    return write_file_atomically(folder / "file", std::string(5000, 'n')) ? 0 : 1;
  });
  EXPECT_LT(outcome, 0) << "it was not killed";
  EXPECT_EQ(text_of(folder / "file"), "old");
}

TEST(WriteFileAtomically, FailsInAFolderThatRefuses) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file_atomically(folder / "file", "old"));
  std::filesystem::permissions(folder.path(),
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec |
                                   std::filesystem::perms::others_read | std::filesystem::perms::others_exec);
  const int outcome = testing::run_in_child([&] {
    if (!testing::become_nobody()) return 2;
    return fails(write_file_atomically(folder / "file", "new"), ErrorKind::kFatal, "Permission denied") ? 0
                                                                                                        : 1;
  });
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_all);
  if (outcome == 2) GTEST_SKIP() << "only root can become nobody";
  EXPECT_EQ(outcome, 0);
  EXPECT_EQ(text_of(folder / "file"), "old");
}

TEST(MakeFolder, MakesParentsTooAndIsHarmlessTwice) {
  const TemporaryFolder folder;
  ASSERT_TRUE(make_folder(folder / "a" / "b"));
  ASSERT_TRUE(make_folder(folder / "a" / "b"));
  EXPECT_TRUE(std::filesystem::is_directory(folder / "a" / "b"));
  ASSERT_TRUE(write_file_atomically(folder / "file", "x"));
  EXPECT_TRUE(fails(make_folder(folder / "file" / "c"), ErrorKind::kFatal, "file/c"));
  EXPECT_TRUE(make_folder("")) << "the folder of a bare file name";
}

TEST(MappedFile, ShowsTheContentAlsoAfterTheFileIsGone) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file_atomically(folder / "file", "content"));
  std::optional<MappedFile> copy;
  {
    const auto mapped = MappedFile::open(folder / "file");
    ASSERT_TRUE(mapped) << mapped.error().message;
    copy = *mapped;
  }
  std::filesystem::remove(folder / "file");
  EXPECT_EQ(as_text(copy->bytes()), "content");
}

TEST(MappedFile, IsEmptyForAnEmptyFileAndRefusesWhatIsNone) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file_atomically(folder / "empty", ""));
  EXPECT_TRUE(MappedFile::open(folder / "empty").value().bytes().empty());
  EXPECT_TRUE(fails(MappedFile::open(folder / "absent"), ErrorKind::kFatal, "absent: No such file"));
  EXPECT_TRUE(fails(MappedFile::open(folder.path()), ErrorKind::kFatal, "not a regular file"));
}

}  // namespace
}  // namespace templar
