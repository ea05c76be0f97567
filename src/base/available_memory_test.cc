#include "base/available_memory.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

class AvailableMemory : public ::testing::Test {
 protected:
  void write(const std::string& file, const std::string& text) const {
    const std::filesystem::path path = root_.path() / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  void mount_version_2() const {
    write("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n");
    write("proc/self/cgroup", "0::/a/b\n");
  }
  [[nodiscard]] std::optional<int64_t> memory() const { return memory_under(root_.path()); }

  TemporaryFolder root_;
};

TEST_F(AvailableMemory, IsWhatTheSystemSays) {
  EXPECT_EQ(memory(), std::nullopt);
  write("proc/meminfo", "MemTotal:       16 kB\nMemFree:         1 kB\nMemAvailable:    8 kB\n");
  EXPECT_EQ(memory(), 8192);
}

TEST_F(AvailableMemory, IsWhatTheTightestGroupOfVersion2Leaves) {
  write("proc/meminfo", "MemAvailable:    1000 kB\n");
  mount_version_2();
  EXPECT_EQ(memory(), 1'024'000);
  write("sys/fs/cgroup/a/memory.max", "500000\n");
  write("sys/fs/cgroup/a/memory.current", "100000\n");
  EXPECT_EQ(memory(), 400'000);
  write("sys/fs/cgroup/a/memory.stat", "anon 1\nfile 2\ninactive_file 60000\nactive_file 3\n");
  EXPECT_EQ(memory(), 460'000);
  write("sys/fs/cgroup/a/b/memory.max", "max\n");
  write("sys/fs/cgroup/a/b/memory.current", "99999999\n");
  EXPECT_EQ(memory(), 460'000);
  write("sys/fs/cgroup/a/b/memory.max", "1000\n");
  EXPECT_EQ(memory(), 0) << "more is in use than the limit allows";
}

TEST_F(AvailableMemory, IsWhatAGroupOfVersion1Leaves) {
  write("proc/meminfo", "MemAvailable:    1000 kB\n");
  write("proc/self/mountinfo",
        "31 30 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
        "32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  write("proc/self/cgroup", "5:memory:/job\n4:cpu:/elsewhere\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  write("sys/fs/cgroup/memory/memory.usage_in_bytes", "5\n");
  EXPECT_EQ(memory(), 1'024'000);
  write("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "300000\n");
  write("sys/fs/cgroup/memory/job/memory.usage_in_bytes", "100000\n");
  write("sys/fs/cgroup/memory/job/memory.stat", "inactive_file 1\ntotal_inactive_file 50000\n");
  EXPECT_EQ(memory(), 250'000);
}

TEST_F(AvailableMemory, IsNotLimitedByWhatNobodyCanRead) {
  write("proc/meminfo", "MemAvailable:    1000 kB\n");
  mount_version_2();
  for (const char* limit : {"", "x", "-1", "1e3", "99999999999999999999"}) {
    write("sys/fs/cgroup/a/b/memory.max", limit);
    write("sys/fs/cgroup/a/b/memory.current", "10\n");
    EXPECT_EQ(memory(), 1'024'000) << limit;
  }
  for (const char* said : {"", "MemAvailable:", "MemAvailable: x kB\n", "MemAvailable: -4 kB\n",
                           "MemAvailable: 9223372036854775807 kB\n"}) {
    write("proc/meminfo", said);
    EXPECT_EQ(memory(), std::nullopt) << said;
  }
}

TEST_F(AvailableMemory, IsSomethingOnThisMachine) {
  EXPECT_GT(available_memory_bytes().value_or(0), 0);
}

}  // namespace
}  // namespace templar::testing
