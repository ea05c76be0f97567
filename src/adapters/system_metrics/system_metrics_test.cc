#include "adapters/system_metrics/system_metrics.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "base/files/descriptor.h"
#include "support/measurement_forms.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;

// A /proc that a test writes.
class ProcFolder {
 public:
  ProcFolder() {
    fs::create_directories(folder_ / "self/fd");
    fs::create_directories(folder_ / "net");
  }
  void write(const std::string& name, std::string_view text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  [[nodiscard]] fs::path path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

TEST(SystemMetrics, ReadsWhatTheSystemTells) {
  const ProcFolder proc;
  proc.write("stat", "cpu 100 0 100 800\n");
  proc.write("meminfo", "MemTotal: 1000 kB\nMemAvailable: 250 kB\n");
  proc.write("net/dev", "eth0: 10 0 0 0 0 0 0 0 20 0\n");
  proc.write("loadavg", "0.50 0 0 1/1 1\n");
  proc.write("self/status", "Name:\tx\nVmRSS:\t    20 kB\nThreads:\t7\n");
  proc.write("self/io", "rchar: 1\nread_bytes: 4096\nwrite_bytes: 8192\n");
  for (const char* file : {"self/fd/0", "self/fd/1", "self/fd/2", "self/fd/3"}) proc.write(file, "");
  SystemMetrics system({.proc = proc.path()});
  proc.write("stat", "cpu 110 0 140 850\n");  // of 100 ticks, 50 were idle
  MetricFields fields = system.sample();
  EXPECT_TRUE(fields.contains("process_cpu_percent"));
  EXPECT_EQ(misfits_of({.name = "system", .tags = {}, .fields = fields}), "");
  for (const char* of_this_machine : {"process_cpu_percent", "sys_disk_free_bytes", "sys_disk_used_percent"})
    fields.erase(of_this_machine);
  EXPECT_EQ(fields, (MetricFields{{"sys_cpu_percent", 50.0},
                                  {"sys_memory_percent", 75.0},
                                  {"sys_memory_used_bytes", int64_t{750 * 1024}},
                                  {"sys_memory_total_bytes", int64_t{1000 * 1024}},
                                  {"sys_net_received_bytes", int64_t{10}},
                                  {"sys_net_sent_bytes", int64_t{20}},
                                  {"sys_load_1m", 0.5},
                                  {"process_rss_bytes", int64_t{20 * 1024}},
                                  {"process_threads", int64_t{7}},
                                  {"process_read_bytes", int64_t{4096}},
                                  {"process_written_bytes", int64_t{8192}},
                                  {"process_open_files", int64_t{3}}}));
}

TEST(SystemMetrics, LeavesOutWhatIsMissing) {
  const TemporaryFolder nothing;
  SystemMetrics system({.disk_folder = nothing / "gone", .proc = nothing / "gone"});
  const MetricFields fields = system.sample();
  EXPECT_THAT(fields, ::testing::ElementsAre(::testing::Key("process_cpu_percent")));
}

TEST(SystemMetrics, LeavesOutTheLoadOfProcessorsWithoutANewTick) {
  const ProcFolder proc;
  proc.write("stat", "cpu 100 0 100 800\n");
  SystemMetrics system({.proc = proc.path()});
  EXPECT_FALSE(system.sample().contains("sys_cpu_percent"));
  proc.write("stat", "cpu 90 0 100 900\n");  // busy ticks ran backwards
  EXPECT_FALSE(system.sample().contains("sys_cpu_percent"));
  proc.write("stat", "cpu 90 0 100 1000\n");
  EXPECT_EQ(system.sample().at("sys_cpu_percent"), MetricValue(0.0));
}

// On the machine itself: every field is there and possible.
TEST(SystemMetrics, KnowsThisMachineAndThisProcess) {
  const TemporaryFolder folder;
  SystemMetrics system({.disk_folder = folder.path()});
  const MetricFields before = system.sample();
  const Descriptor one(::open("/dev/null", O_RDONLY));
  const Descriptor two(::open("/dev/null", O_RDONLY));
  const Stopwatch busy;
  while (busy.seconds() < 0.05) static_cast<void>(busy.seconds());
  const MetricFields fields = system.sample();
  const auto integer = [](const MetricFields& from, const char* name) {
    return std::get<int64_t>(from.at(name));
  };
  const auto number = [&](const char* name) { return std::get<double>(fields.at(name)); };
  EXPECT_EQ(integer(fields, "process_open_files"), integer(before, "process_open_files") + 2);
  EXPECT_GT(number("process_cpu_percent"), 1);
  EXPECT_GE(integer(fields, "process_threads"), 1);
  EXPECT_GT(integer(fields, "process_rss_bytes"), 1 << 20);
  EXPECT_LT(integer(fields, "process_rss_bytes"), integer(fields, "sys_memory_total_bytes"));
  EXPECT_GT(number("sys_memory_percent"), 0);
  EXPECT_LE(number("sys_memory_percent"), 100);
  EXPECT_GT(integer(fields, "sys_disk_free_bytes"), 0);
  EXPECT_GE(number("sys_disk_used_percent"), 0);
  EXPECT_LE(number("sys_disk_used_percent"), 100);
}

}  // namespace
}  // namespace templar::testing
