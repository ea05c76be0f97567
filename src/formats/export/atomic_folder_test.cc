#include "formats/export/atomic_folder.h"

#include <gtest/gtest.h>

#include "base/files/file.h"
#include "support/expect_failure.h"
#include "support/file_content.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& file, std::string_view text) {
  ASSERT_TRUE(write_file_atomically(file, text));
}

TEST(AtomicFolder, AppearsWithAllItsFilesWhenItIsCommitted) {
  const TemporaryFolder folder;
  auto out = AtomicFolder::create(folder / "a/b/model");
  ASSERT_TRUE(out) << out.error().message;
  write(out->path() / "x", "1");
  EXPECT_FALSE(fs::exists(folder / "a/b/model"));
  ASSERT_TRUE(out->commit());
  EXPECT_EQ(text_of(folder / "a/b/model/x"), "1");
  EXPECT_EQ(files_in(folder / "a/b"), 1);
}

TEST(AtomicFolder, GoesAwayWithoutACommit) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "model");
  write(folder / "model/old", "1");
  {
    auto out = AtomicFolder::create(folder / "model");
    ASSERT_TRUE(out);
    write(out->path() / "x", "1");
  }
  EXPECT_EQ(text_of(folder / "model/old"), "1");
  EXPECT_EQ(files_in(folder.path()), 1);
}

TEST(AtomicFolder, TakesThePlaceOfAnOlderOne) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "model");
  write(folder / "model/old", "1");
  {
    auto out = AtomicFolder::create((folder / "model").string() + "/");
    ASSERT_TRUE(out);
    write(out->path() / "x", "1");
    ASSERT_TRUE(out->commit());
  }
  EXPECT_EQ(text_of(folder / "model/x"), "1");
  EXPECT_EQ(files_in(folder / "model"), 1);
  EXPECT_EQ(files_in(folder.path()), 1) << "the old one is gone";
}

TEST(AtomicFolder, SaysThatItCannotBeMade) {
  const TemporaryFolder folder;
  write(folder / "file", "");
  EXPECT_TRUE(fails(AtomicFolder::create(folder / "file/model"), ErrorKind::kFatal, "file"));
}

}  // namespace
}  // namespace templar::testing
