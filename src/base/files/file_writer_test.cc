#include "base/files/file_writer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/files/file.h"
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

TEST(AtomicFileWriter, ShowsThePiecesTogetherAtTheCommitAndNotBefore) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file_atomically(folder / "file", "old"));
  auto writer = AtomicFileWriter::create(folder / "file");
  ASSERT_TRUE(writer) << writer.error().message;
  ASSERT_TRUE(writer->append(as_bytes("one ")));
  ASSERT_TRUE(writer->append(as_bytes("two")));
  EXPECT_EQ(text_of(folder / "file"), "old");
  ASSERT_TRUE(writer->commit());
  EXPECT_EQ(text_of(folder / "file"), "one two");
  EXPECT_EQ(files_in(folder.path()), 1u);
}

TEST(AtomicFileWriter, TakesPiecesInAnyOrder) {
  const TemporaryFolder folder;
  auto writer = AtomicFileWriter::create(folder / "file");
  ASSERT_TRUE(writer) << writer.error().message;
  ASSERT_TRUE(writer->write(4, as_bytes("two")));
  ASSERT_TRUE(writer->write(0, as_bytes("one ")));
  ASSERT_TRUE(writer->commit());
  EXPECT_EQ(text_of(folder / "file"), "one two");
}

TEST(AtomicFileWriter, LeavesTheTargetAsItWasWithoutACommit) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file_atomically(folder / "file", "old"));
  {
    auto writer = AtomicFileWriter::create(folder / "file");
    ASSERT_TRUE(writer && writer->append(as_bytes("new")));
    const AtomicFileWriter moved = *std::move(writer);
    EXPECT_EQ(files_in(folder.path()), 2u);
  }
  EXPECT_EQ(text_of(folder / "file"), "old");
  EXPECT_EQ(files_in(folder.path()), 1u);
}

TEST(AtomicFileWriter, LeavesAFileThatWasKilledHalfWrittenToTheSweeping) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file_atomically(folder / "file", "old"));
  (void)testing::run_in_child([&] {
    auto writer = AtomicFileWriter::create(folder / "file");
    (void)writer->append(as_bytes("new"));
    ::_exit(0);  // no destructor
    return 0;
  });
  EXPECT_EQ(files_in(folder.path()), 2u);
  ASSERT_TRUE(write_file_atomically(folder / ".templar-notes", "a person's"));
  remove_unfinished_files(folder.path());
  EXPECT_EQ(text_of(folder / "file"), "old");
  EXPECT_EQ(text_of(folder / ".templar-notes"), "a person's");
  EXPECT_EQ(files_in(folder.path()), 2u);
  remove_unfinished_files(folder / "absent");
}

TEST(AtomicFileWriter, FailsWithTheTargetsNameWhereTheFolderIsAbsent) {
  const TemporaryFolder folder;
  EXPECT_TRUE(fails(AtomicFileWriter::create(folder / "absent" / "file"), ErrorKind::kFatal,
                    "absent/file: No such file"));
}

TEST(AtomicFileWriter, KeepsTheOldContentWhereTheDiskIsFull) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file_atomically(folder / "file", "old"));
  const int outcome = testing::run_in_child([&] {
    testing::limit_file_size(1000, /*deadly=*/false);
    auto writer = AtomicFileWriter::create(folder / "file");
    const Bytes piece(600, 7);
    if (!writer || !writer->append(piece)) return 1;
    return fails(writer->append(piece), ErrorKind::kFatal, "file: File too large") ? 0 : 2;
  });
  EXPECT_EQ(outcome, 0);
  EXPECT_EQ(text_of(folder / "file"), "old");
  EXPECT_EQ(files_in(folder.path()), 1u);
}

}  // namespace
}  // namespace templar
