#include "base/files/large_read.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "support/temporary_folder.h"

namespace templar {
namespace {

using testing::TemporaryFolder;

constexpr size_t kFileBytes = 3'000'001;
constexpr size_t kLarge = 600'000;  // read past the page cache

class LargeRead : public ::testing::Test {
 protected:
  LargeRead() : content_(kFileBytes) {
    for (size_t i = 0; i < content_.size(); ++i) content_[i] = static_cast<uint8_t>((i * 2654435761u) >> 13);
    EXPECT_EQ(write_all(file_.get(), content_), 0);
  }
  // What is read next comes from the disk, if the file system has one.
  void drop_from_memory() const {
    ASSERT_EQ(::fsync(file_.get()), 0);
    ASSERT_EQ(::posix_fadvise(file_.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
  }
  [[nodiscard]] int64_t pages_in_memory() const {
    void* const mapping = ::mmap(nullptr, kFileBytes, PROT_READ, MAP_SHARED, file_.get(), 0);
    std::vector<unsigned char> pages((kFileBytes + 4095) / 4096);
    EXPECT_EQ(::mincore(mapping, kFileBytes, pages.data()), 0);
    ::munmap(mapping, kFileBytes);
    return std::ranges::count_if(pages, [](unsigned char page) { return (page & 1) != 0; });
  }
  // Whether the file system does what O_DIRECT asks for.
  [[nodiscard]] bool reads_past_memory() const {
    alignas(kLargeReadAlignment) std::array<uint8_t, kLargeReadAlignment> block;
    const Descriptor direct(::open((folder_ / "file").c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC));
    return direct.valid() && read_at(direct.get(), 0, block).size == block.size() && pages_in_memory() == 0;
  }
  // Reads to an address that is so far from a multiple of the alignment, and compares; nothing around it may
  // change.
  void expect_reads(uint64_t offset, size_t size, size_t address) const {
    SCOPED_TRACE(::testing::Message() << size << " bytes from " << offset << " to address " << address);
    Bytes memory(size + 3 * kLargeReadAlignment, 0xEE);
    const size_t first =
        kLargeReadAlignment - reinterpret_cast<uintptr_t>(memory.data()) % kLargeReadAlignment + address;
    const ReadOutcome outcome = read_large(file_.get(), offset, std::span(memory).subspan(first, size));
    const size_t there = offset < kFileBytes ? std::min(size, kFileBytes - offset) : 0;
    EXPECT_EQ(outcome.error, 0);
    ASSERT_EQ(outcome.size, there);
    EXPECT_EQ(std::memcmp(memory.data() + first, content_.data() + offset, there), 0);
    EXPECT_EQ(memory[first - 1], 0xEE);
    EXPECT_EQ(memory[first + size], 0xEE);
  }

  const TemporaryFolder folder_;
  const Descriptor file_{::open((folder_ / "file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  Bytes content_;
};

TEST_F(LargeRead, GivesTheFilesBytesFromAnyOffsetToAnyAddress) {
  for (const uint64_t offset : {0, 1, 4095, 4096, 4097, 1'000'000}) {
    for (const size_t size : {size_t{1}, size_t{5000}, kLarge, kLarge + 1, size_t{4096} * 200}) {
      for (const size_t address : {size_t{0}, size_t{904}, size_t{offset % kLargeReadAlignment}}) {
        drop_from_memory();
        expect_reads(offset, size, address);
      }
    }
  }
}

TEST_F(LargeRead, GivesTheSameOfWhatTheSystemHasInMemory) {
  expect_reads(0, kLarge, 0);
  expect_reads(12345, kLarge, 77);
  EXPECT_EQ(::fcntl(file_.get(), F_GETFL) & O_DIRECT, 0);
}

TEST_F(LargeRead, DrivesNothingOutOfMemory) {
  drop_from_memory();
  if (!reads_past_memory()) GTEST_SKIP() << "this file system reads nothing past memory";
  expect_reads(0, kLarge, 0);
  expect_reads(kLarge + 77, kLarge, (kLarge + 77) % kLargeReadAlignment);
  EXPECT_EQ(pages_in_memory(), 0);
}

TEST_F(LargeRead, EndsWithTheFile) {
  for (const uint64_t offset :
       {kFileBytes - kLarge, kFileBytes - kLarge / 2, kFileBytes - 1, kFileBytes, kFileBytes + 100'000}) {
    for (const size_t address : {size_t{5}, size_t{offset % kLargeReadAlignment}}) {
      drop_from_memory();
      expect_reads(offset, kLarge, address);
    }
  }
}

TEST_F(LargeRead, LeavesTheDescriptorAsItWas) {
  drop_from_memory();
  const int before = ::fcntl(file_.get(), F_GETFL);
  expect_reads(0, kLarge, 0);
  EXPECT_EQ(::fcntl(file_.get(), F_GETFL), before);
}

TEST_F(LargeRead, SaysWhyAFileCanNotBeRead) {
  const Descriptor other(::open((folder_ / "file").c_str(), O_WRONLY | O_CLOEXEC));
  drop_from_memory();
  Bytes memory(kLarge);
  EXPECT_EQ(read_large(other.get(), 0, memory).error, EBADF);
  void* const nothing = ::mmap(nullptr, kLarge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  EXPECT_EQ(read_large(file_.get(), 0, {static_cast<uint8_t*>(nothing), kLarge}).error, EFAULT);
  ::munmap(nothing, kLarge);
}

}  // namespace
}  // namespace templar
