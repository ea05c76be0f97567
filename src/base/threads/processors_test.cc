#include "base/threads/processors.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <fstream>

#include "support/child_process.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

class Processors : public ::testing::Test {
 protected:
  void write(const std::string& file, const std::string& text) const {
    const std::filesystem::path path = root_.path() / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  // A machine of version 2, as systemd and containers have it.
  void mount_version_2(const std::string& shown = "/") const {
    write("proc/self/mountinfo", "22 1 0:20 / /proc rw - proc proc rw\n30 23 0:26 " + shown +
                                     " /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
  }
  void mount_version_1(const std::string& shown = "/") const {
    write("proc/self/mountinfo",
          "31 30 0:27 " + shown + " /sys/fs/cgroup/cpu,cpuacct rw shared:5 - cgroup cgroup rw,cpu,cpuacct\n" +
              "32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  }
  [[nodiscard]] int count(int allowed = 64) const { return processors_under(root_.path(), allowed); }

  TemporaryFolder root_;
};

TEST_F(Processors, AreThoseThatTheProcessMayRunOnWhereNothingElseIsKnown) {
  EXPECT_EQ(count(6), 6);
  EXPECT_EQ(count(0), 1);
}

TEST_F(Processors, AreWhatAQuotaOfVersion2PaysFor) {
  mount_version_2();
  write("proc/self/cgroup", "0::/user.slice/job\n");
  write("sys/fs/cgroup/user.slice/job/cpu.max", "100000 100000\n");
  EXPECT_EQ(count(), 1);
  write("sys/fs/cgroup/user.slice/job/cpu.max", "350000 100000\n");
  EXPECT_EQ(count(), 4);
  EXPECT_EQ(count(2), 2);
  write("sys/fs/cgroup/user.slice/job/cpu.max", "20000 100000\n");
  EXPECT_EQ(count(), 1);
  write("sys/fs/cgroup/user.slice/job/cpu.max", "max 100000\n");
  EXPECT_EQ(count(), 64);
}

TEST_F(Processors, AreLimitedByTheTightestGroupAbove) {
  mount_version_2();
  write("proc/self/cgroup", "0::/a/b/c\n");
  write("sys/fs/cgroup/a/cpu.max", "200000 100000\n");
  write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  write("sys/fs/cgroup/a/b/c/cpu.max", "800000 100000\n");
  EXPECT_EQ(count(), 2);
}

TEST_F(Processors, AreWhatAQuotaOfVersion1PaysFor) {
  mount_version_1();
  write("proc/self/cgroup", "5:memory:/elsewhere\n4:cpu,cpuacct:/job\n0::/\n");
  write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  write("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "150000\n");
  write("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "50000\n");
  EXPECT_EQ(count(), 3);
  write("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(count(), 64);
}

TEST_F(Processors, AreFoundInAContainerThatSeesItsOwnGroupAlone) {
  mount_version_1("/docker/abc");
  write("proc/self/cgroup", "4:cpu,cpuacct:/docker/abc\n");
  write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "200000\n");
  write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(count(), 2);
  write("proc/self/cgroup", "4:cpu,cpuacct:/docker/abc/inner\n");
  write("sys/fs/cgroup/cpu,cpuacct/inner/cpu.cfs_quota_us", "100000\n");
  write("sys/fs/cgroup/cpu,cpuacct/inner/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(count(), 1);
  write("proc/self/cgroup", "4:cpu,cpuacct:/somewhere/else\n");
  EXPECT_EQ(count(), 2);
}

TEST_F(Processors, AreFoundWhereThePathHasASpace) {
  write("proc/self/mountinfo", "30 23 0:26 / /my\\040groups rw - cgroup2 none rw\n");
  write("proc/self/cgroup", "0::/\n");
  write("my groups/cpu.max", "300000 100000\n");
  EXPECT_EQ(count(), 3);
}

TEST_F(Processors, AreNotLimitedByWhatNobodyCanRead) {
  mount_version_2();
  for (const char* groups : {"", "0", "0:", ":::", "0::", "0::/../..", "x\n\n"}) {
    write("proc/self/cgroup", groups);
    for (const char* quota : {"", "max", "100000", "a b", "-1 100000", "1 0", "nan nan", "1e400 1"}) {
      write("sys/fs/cgroup/cpu.max", quota);
      EXPECT_EQ(count(), 64) << groups << ", " << quota;
    }
  }
  for (const char* mounts : {"", "\n", "- - -", "1 2 3 4 5 - cgroup2", "1 - cgroup2 x x"}) {
    write("proc/self/mountinfo", mounts);
    EXPECT_EQ(count(), 64) << mounts;
  }
}

TEST(AvailableProcessors, AreOneWhereTheProcessMayRunOnOne) {
  EXPECT_GE(available_processors(), 1);
  EXPECT_EQ(run_in_child([] {
              cpu_set_t set;
              CPU_ZERO(&set);
              CPU_SET(static_cast<size_t>(::sched_getcpu()), &set);
              if (::sched_setaffinity(0, sizeof(set), &set) != 0) return 99;
              return available_processors();
            }),
            1);
}

}  // namespace
}  // namespace templar::testing
