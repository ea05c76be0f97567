#include "base/files/scratch_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

namespace templar {
namespace {

TEST(ScratchFile, HoldsWhatWasAppendedInOrder) {
  auto file = ScratchFile::create();
  ASSERT_TRUE(file.has_value()) << file.error().message;
  ASSERT_TRUE(file->append(as_bytes("first ")));
  ASSERT_TRUE(file->append(as_bytes("second")));
  const auto mapped = file->map();
  ASSERT_TRUE(mapped.has_value());
  EXPECT_EQ(as_text(*mapped), "first second");
}

TEST(ScratchFile, MayBeEmpty) {
  auto file = ScratchFile::create();
  ASSERT_TRUE(file.has_value());
  EXPECT_TRUE(file->map()->empty());
  EXPECT_TRUE(move_to_scratch_file({})->view().empty());
}

// The number of the file that lies at that address; 0 for the process' own memory.
uint64_t file_at(const uint8_t* address) {
  std::ifstream maps("/proc/self/maps");
  std::string line;
  while (std::getline(maps, line)) {
    std::istringstream words(line);
    uintptr_t begin = 0;
    uintptr_t end = 0;
    char dash = 0;
    std::string rights, offset, device;
    uint64_t inode = 0;
    words >> std::hex >> begin >> dash >> end >> rights >> offset >> device >> std::dec >> inode;
    const auto wanted = reinterpret_cast<uintptr_t>(address);
    if (wanted >= begin && wanted < end) return inode;
  }
  return 0;
}

TEST(ScratchFile, KeepsMovedBytesInAFileForAsLongAsSomebodyHasThem) {
  constexpr size_t kBytes = 100'003;
  Bytes bytes(kBytes);
  for (size_t i = 0; i < kBytes; ++i) bytes[i] = static_cast<uint8_t>(i * 7 % 251);
  EXPECT_EQ(file_at(bytes.data()), 0u);
  SharedBytes copy;
  {
    const auto moved = move_to_scratch_file(bytes);
    ASSERT_TRUE(moved.has_value()) << moved.error().message;
    copy = *moved;
  }
  EXPECT_TRUE(std::ranges::equal(copy.view(), bytes));
  EXPECT_NE(file_at(copy.view().data()), 0u);
}

}  // namespace
}  // namespace templar
