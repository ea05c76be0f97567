#include "adapters/system_metrics/proc_text.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "support/fuzz_corpus.h"

namespace templar {
namespace {

constexpr std::string_view kMemory =
    "MemTotal:       16384000 kB\nMemFree:         1000000 kB\nMemAvailable:    4096000 kB\nHugePages_Total: "
    "      0\n";
constexpr std::string_view kCpu =
    "cpu  100 20 30 800 40 5 6 7 50 3\ncpu0 50 10 15 400 20 2 3 3 25 1\nintr 1 2 3\nctxt 5\n";
constexpr std::string_view kNetwork =
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls "
    "carrier compressed\n"
    "    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0\n"
    "  eth0: 1000 10 0 0 0 0 0 0 300 4 0 0 0 0 0 0\n"
    "wlan0:24 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n";

TEST(ProcText, HasNumbersWithNames) {
  EXPECT_EQ(
      parse_named_numbers(kMemory),
      (std::map<std::string, int64_t, std::less<>>{
          {"MemTotal", 16384000}, {"MemFree", 1000000}, {"MemAvailable", 4096000}, {"HugePages_Total", 0}}));
  EXPECT_EQ(
      parse_named_numbers("Name:\tx y\nThreads:\t3\nVmRSS:\n:\n: 4\nno colon\nbig: 99999999999999999999"),
      (std::map<std::string, int64_t, std::less<>>{{"Threads", 3}, {"", 4}}));
}

TEST(ProcText, TellsBusyTicksFromIdleOnes) {
  // All but idle (800) and the wait for disks (40); what guests used (50, 3) is in the first two already.
  const auto ticks = parse_cpu_ticks(kCpu).value();
  EXPECT_EQ(ticks.busy, 100u + 20 + 30 + 5 + 6 + 7);
  EXPECT_EQ(ticks.total, ticks.busy + 840);
  EXPECT_EQ(parse_cpu_ticks("cpu 1 2 3 4").value().total, 10u);
}

TEST(ProcText, AddsUpInterfacesButNotTheLoopback) {
  const auto bytes = parse_network_bytes(kNetwork).value();
  EXPECT_EQ(bytes.received, 1024);
  EXPECT_EQ(bytes.sent, 307);
}

TEST(ProcText, BeginsWithTheLoadOverAMinute) {
  EXPECT_EQ(parse_load("1.46 1.17 0.56 2/345 6789\n"), 1.46);
}

TEST(ProcText, IsLeftOutWhereItMakesNoSense) {
  for (const std::string_view text : {"", "\n", "cpu", "cpu 1 2 3", "cpu 1 2 3 -4", "cpu 1 2 x 4",
                                      "cpu0 1 2 3 4 5", "cpu 1 2 3 18446744073709551615 5"}) {
    EXPECT_FALSE(parse_cpu_ticks(text)) << text;
  }
  for (const std::string_view text : {"", "lo: 1 1 1 1 1 1 1 1 1 1", "eth0: 1 2 3",
                                      "eth0: x 1 1 1 1 1 1 1 1 1", "eth0: -1 1 1 1 1 1 1 1 1"}) {
    EXPECT_FALSE(parse_network_bytes(text)) << text;
  }
  for (const std::string_view text : {"", "x", "nan", "inf", "-1", "1,5"})
    EXPECT_FALSE(parse_load(text)) << text;
}

TEST(ProcText, HasSeedsForTheFuzzer) {
  std::vector<std::pair<std::string, Bytes>> seeds;
  for (const std::string_view text :
       {kMemory, kCpu, kNetwork, std::string_view("1.46 1.17 0.56 2/345 6789\n"),
        std::string_view("rchar: 5\nread_bytes: 4096\nwrite_bytes: 0\n")}) {
    const ByteView bytes = as_bytes(text);
    seeds.emplace_back(std::to_string(seeds.size()), Bytes(bytes.begin(), bytes.end()));
  }
  testing::expect_fuzz_corpus("proc_text_fuzz", seeds);
}

}  // namespace
}  // namespace templar
