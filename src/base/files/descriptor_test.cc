#include "base/files/descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>

#include "support/temporary_folder.h"

namespace templar {
namespace {

using testing::TemporaryFolder;

bool is_open(int file) {
  return ::fcntl(file, F_GETFD) >= 0;
}

TEST(Descriptor, ClosesWhatItOwnsOnceAndHandsItOverWhenMoved) {
  const TemporaryFolder folder;
  const auto open = [&] { return ::open((folder / "file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600); };
  const int first = open();
  const int second = open();
  ASSERT_TRUE(first >= 0 && second >= 0);
  {
    Descriptor owner(first);
    Descriptor other(std::move(owner));
    EXPECT_TRUE(other.valid());
    EXPECT_TRUE(is_open(first));
    other = Descriptor(second);
    EXPECT_FALSE(is_open(first));
    EXPECT_TRUE(is_open(second));
  }
  EXPECT_FALSE(is_open(second));
  EXPECT_FALSE(Descriptor().valid());
}

TEST(Descriptor, ReadsRangesAndSaysHowMuchThereWas) {
  const TemporaryFolder folder;
  const Descriptor file(::open((folder / "file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(write_all(file.get(), as_bytes("0123456789")), 0);
  std::array<uint8_t, 4> buffer{};
  const ReadOutcome inside = read_at(file.get(), 3, buffer);
  EXPECT_EQ(inside.error, 0);
  EXPECT_EQ(inside.size, 4u);
  EXPECT_EQ(as_text(buffer), "3456");
  EXPECT_EQ(read_at(file.get(), 8, buffer).size, 2u);
  EXPECT_EQ(read_at(file.get(), 50, buffer).size, 0u);
}

TEST(Descriptor, ReportsWhyNothingCanBeWrittenOrRead) {
  const Descriptor full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full.valid());
  EXPECT_EQ(write_all(full.get(), as_bytes("x")), ENOSPC);
  std::array<uint8_t, 4> buffer{};
  EXPECT_EQ(read_at(full.get(), 0, buffer).error, EBADF);
}

}  // namespace
}  // namespace templar
