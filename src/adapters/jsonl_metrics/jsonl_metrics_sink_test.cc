#include "adapters/jsonl_metrics/jsonl_metrics_sink.h"

#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <fstream>

#include "base/files/file.h"
#include "support/captured_logs.h"
#include "support/child_process.h"
#include "support/contracts/metrics_sink_contract.h"
#include "support/expect_failure.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;

struct JsonlHarness {
  MetricsSink& sink() { return *file; }
  std::vector<Measurement> written() {
    return read_jsonl_measurements(folder / "m.jsonl", 0).value().measurements;
  }

  TemporaryFolder folder;
  std::unique_ptr<JsonlMetricsSink> file = JsonlMetricsSink::open(folder / "m.jsonl").value();
};

Measurement numbered(int64_t number) {
  return {.name = "n", .tags = {}, .fields = {{"number", number}}, .time_ns = 5};
}

std::string text_of(const fs::path& path) {
  return std::string(as_text(read_file(path, 1 << 24).value()));
}

void append_text(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::app | std::ios::binary) << text;
}

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Jsonl, MetricsSinkContract, JsonlHarness);

TEST(JsonlMetricsSink, WritesALineThatAnyJsonReaderTakes) {
  const TemporaryFolder folder;
  const auto sink = JsonlMetricsSink::open(folder / "m.jsonl").value();
  sink->write({.name = "a",
               .tags = {{"uid", "1"}},
               .fields = {{"f", 2.0}, {"i", int64_t{2}}, {"nan", std::nan("")}, {"t", "x"}},
               .time_ns = 7});
  EXPECT_EQ(text_of(folder / "m.jsonl"),
            "{\"fields\":{\"f\":2.0,\"i\":2,\"nan\":null,\"t\":\"x\"},\"name\":\"a\",\"tags\":{\"uid\":\"1\"}"
            ",\"time_ns\":7}\n");
}

TEST(JsonlMetricsSink, ReadsWhatIsNotFiniteAsNoNumber) {
  const TemporaryFolder folder;
  const auto sink = JsonlMetricsSink::open(folder / "m.jsonl").value();
  sink->write(
      {.name = "a", .tags = {}, .fields = {{"nan", std::nan("")}, {"inf", HUGE_VAL}, {"minus", -HUGE_VAL}}});
  const auto page = read_jsonl_measurements(folder / "m.jsonl", 0).value();
  for (const auto& [name, value] : page.measurements.at(0).fields)
    EXPECT_TRUE(std::isnan(std::get<double>(value))) << name;
}

TEST(JsonlMetricsSink, ReplacesBytesThatAreNoText) {
  const TemporaryFolder folder;
  const auto sink = JsonlMetricsSink::open(folder / "m.jsonl").value();
  sink->write({.name = "a\xff", .tags = {}, .fields = {{"t", "\xc3(\x80"}}});
  const auto page = read_jsonl_measurements(folder / "m.jsonl", 0).value();
  EXPECT_EQ(page.measurements.at(0).name, "a\xef\xbf\xbd");
  EXPECT_EQ(sink->dropped(), 0u);
}

TEST(JsonlMetricsSink, AppendsToWhatIsThere) {
  const TemporaryFolder folder;
  for (int64_t i = 0; i < 3; ++i) JsonlMetricsSink::open(folder / "m.jsonl").value()->write(numbered(i));
  const auto page = read_jsonl_measurements(folder / "m.jsonl", 0).value();
  EXPECT_THAT(page.measurements, ::testing::ElementsAre(numbered(0), numbered(1), numbered(2)));
}

TEST(JsonlMetricsSink, EndsALineThatAKilledProcessTore) {
  const TemporaryFolder folder;
  const fs::path path = folder / "m.jsonl";
  JsonlMetricsSink::open(path).value()->write(numbered(0));
  append_text(path, "{\"name\":\"to");
  JsonlMetricsSink::open(path).value()->write(numbered(1));
  const auto page = read_jsonl_measurements(path, 0).value();
  EXPECT_THAT(page.measurements, ::testing::ElementsAre(numbered(0), numbered(1)));
  EXPECT_EQ(page.malformed_lines, 1);
  EXPECT_EQ(page.next_offset, fs::file_size(path));
}

TEST(JsonlMetricsSink, SaysOnceThatADiskIsFullAndHoldsBackWhatItDidNotTake) {
  const CapturedLogs logs;
  const auto sink = JsonlMetricsSink::open("/dev/full").value();
  sink->write(numbered(0));
  const std::vector<Measurement> batch = {numbered(1), numbered(2), numbered(3)};
  sink->write(batch);
  sink->flush();
  EXPECT_EQ(sink->dropped(), 0u);
  EXPECT_EQ(logs.count("measurements can't be written now: held back until they can"), 1u);
}

TEST(JsonlMetricsSink, CountsTheOldestOfTooManyThatADiskDidNotTake) {
  const auto sink = JsonlMetricsSink::open("/dev/full").value();
  const std::string text(1000, 'x');
  const Measurement large{.name = "n", .tags = {}, .fields = {{"text", text}}, .time_ns = 5};
  for (int i = 0; i < 2000; ++i) sink->write(large);
  EXPECT_GT(sink->dropped(), 900u);
  EXPECT_LT(sink->dropped(), 1100u);
}

TEST(JsonlMetricsSink, GoesOnInANewFileWhereTheOldOneWasMovedAway) {
  const TemporaryFolder folder;
  const auto sink = JsonlMetricsSink::open(folder / "m.jsonl").value();
  sink->write(numbered(0));
  fs::rename(folder / "m.jsonl", folder / "m.jsonl.1");
  sink->write(numbered(1));
  const auto page = read_jsonl_measurements(folder / "m.jsonl", 0).value();
  EXPECT_THAT(page.measurements, ::testing::ElementsAre(numbered(1)));
}

TEST(JsonlMetricsSink, WritesABatchAsItWritesOneByOne) {
  const TemporaryFolder folder;
  std::vector<Measurement> batch;
  for (int64_t i = 0; i < 10'000; ++i) batch.push_back(numbered(i));  // more than goes into one write(2)
  batch.push_back({.name = "quoted \" \\ \n",
                   .tags = {{"\xf0\x9f\xa6\x80", "\x7f"}},
                   .fields = {{"f", 1e300}, {"g", -0.5}}});
  JsonlMetricsSink::open(folder / "batch").value()->write(batch);
  const auto one_by_one = JsonlMetricsSink::open(folder / "single").value();
  for (const Measurement& measurement : batch) one_by_one->write(measurement);
  EXPECT_EQ(text_of(folder / "batch"), text_of(folder / "single"));
  EXPECT_EQ(read_jsonl_measurements(folder / "batch", 0).value().measurements, batch);
}

TEST(JsonlMetricsSink, WritesAgainWhatWasWrittenInPart) {
  const TemporaryFolder folder;
  const fs::path path = folder / "m.jsonl";
  const int end = run_in_child([&] {
    const auto limit_to = [](rlim_t bytes) {
      const rlimit limit{.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
      return ::setrlimit(RLIMIT_FSIZE, &limit) == 0;
    };
    std::signal(SIGXFSZ, SIG_IGN);
    if (!limit_to(1000)) return 3;
    const auto sink = JsonlMetricsSink::open(path).value();
    for (int64_t i = 0; i < 50; ++i) sink->write(numbered(i));
    if (fs::file_size(path) != 1000) return 1;
    if (!limit_to(100000)) return 3;  // there is room again
    sink->write(numbered(50));
    return sink->dropped() == 0 ? 0 : 2;
  });
  EXPECT_EQ(end, 0);
  const auto page = read_jsonl_measurements(path, 0).value();
  ASSERT_EQ(page.measurements.size(), 51u);
  for (int64_t i = 0; i < 51; ++i) EXPECT_EQ(page.measurements[static_cast<size_t>(i)], numbered(i));
  EXPECT_EQ(page.malformed_lines, 1) << "one line was torn, and did not run into the next";
}

TEST(JsonlMetricsSink, LeavesWholeLinesWhenManyProcessesWriteAndOneIsKilled) {
  const TemporaryFolder folder;
  const fs::path path = folder / "m.jsonl";
  const auto write_lines = [&](int64_t first, int64_t count) {
    const auto sink = JsonlMetricsSink::open(path).value();
    for (int64_t i = first; i < first + count; ++i) sink->write(numbered(i));
    return 0;
  };
  ChildProcess one([&] { return write_lines(0, 1000); });
  ChildProcess two([&] { return write_lines(1000, 1000); });
  ChildProcess killed([&] { return write_lines(10000, 1LL << 40); });
  while (!fs::exists(path) || fs::file_size(path) < 100000) ASSERT_TRUE(killed.running());
  killed.kill_now();
  EXPECT_EQ(killed.wait(), -SIGKILL);
  EXPECT_EQ(one.wait(), 0);
  EXPECT_EQ(two.wait(), 0);
  int malformed = 0;
  size_t of_the_others = 0;
  for (uint64_t offset = 0;;) {
    const auto page = read_jsonl_measurements(path, offset).value();
    malformed += page.malformed_lines;
    for (const Measurement& m : page.measurements)
      of_the_others += std::get<int64_t>(m.fields.at("number")) < 10000 ? 1 : 0;
    if (page.next_offset == offset) break;
    offset = page.next_offset;
  }
  EXPECT_EQ(malformed, 0);
  EXPECT_EQ(of_the_others, 2000u);
}

TEST(JsonlMetricsSink, SaysThatItCannotOpenItsFile) {
  const TemporaryFolder folder;
  EXPECT_TRUE(fails(JsonlMetricsSink::open(folder.path()), ErrorKind::kFatal, "Is a directory"));
  EXPECT_TRUE(fails(JsonlMetricsSink::open(folder / "no/m.jsonl"), ErrorKind::kFatal, "No such file"));
}

TEST(JsonlMetricsSink, WritesIntoNothingThatNoSinkHasBegun) {
  const TemporaryFolder folder;
  for (const std::string_view content : {"mine\n", "{\"version\":1}\n", "{", "\n"}) {
    const fs::path path = folder / "f";
    ASSERT_TRUE(write_file_atomically(path, as_bytes(content)));
    const bool may_be_torn = content == "{";
    EXPECT_EQ(JsonlMetricsSink::open(path).has_value(), may_be_torn) << content;
    EXPECT_EQ(as_text(read_file(path, 100).value()), content);
  }
  append_text(folder / "key", "0123456789");
  EXPECT_TRUE(fails(JsonlMetricsSink::open(folder / "key"), ErrorKind::kFatal, "holds something else"));
}

TEST(ReadJsonlMeasurements, LeavesATornLastLineForTheNextCall) {
  const TemporaryFolder folder;
  const fs::path path = folder / "m.jsonl";
  const auto sink = JsonlMetricsSink::open(path).value();
  sink->write(numbered(0));
  const uint64_t first_line = fs::file_size(path);
  append_text(path, R"({"name":"n","tags":{},"fields":{"number":1},)");
  auto page = read_jsonl_measurements(path, 0).value();
  EXPECT_THAT(page.measurements, ::testing::ElementsAre(numbered(0)));
  EXPECT_EQ(page.next_offset, first_line);
  EXPECT_EQ(page.malformed_lines, 0);
  page = read_jsonl_measurements(path, page.next_offset).value();
  EXPECT_TRUE(page.measurements.empty());
  EXPECT_EQ(page.next_offset, first_line);
  append_text(path, "\"time_ns\":5}\n");
  page = read_jsonl_measurements(path, page.next_offset).value();
  EXPECT_THAT(page.measurements, ::testing::ElementsAre(numbered(1)));
  EXPECT_EQ(page.next_offset, fs::file_size(path));
}

TEST(ReadJsonlMeasurements, SkipsAndCountsLinesThatAreNoMeasurements) {
  const TemporaryFolder folder;
  const fs::path path = folder / "m.jsonl";
  JsonlMetricsSink::open(path).value()->write(numbered(1));
  for (const char* line :
       {"[]", "nonsense", "{}", "\"text\"", R"({"name":1,"tags":{},"fields":{},"time_ns":5})",
        R"({"name":"n","tags":{"a":1},"fields":{},"time_ns":5})",
        R"({"name":"n","tags":{},"fields":{"a":[]},"time_ns":5})",
        R"({"name":"n","tags":{},"fields":{"a":9223372036854775808},"time_ns":5})",
        R"({"name":"n","tags":{},"fields":{},"time_ns":1.5})",
        R"({"name":"n","tags":[],"fields":{},"time_ns":5})"}) {
    append_text(path, std::string(line) + "\n");
  }
  append_text(path, "\n");  // an empty line is no fault
  JsonlMetricsSink::open(path).value()->write(numbered(0));
  const auto page = read_jsonl_measurements(path, 0).value();
  EXPECT_EQ(page.malformed_lines, 10);
  EXPECT_THAT(page.measurements, ::testing::ElementsAre(numbered(1), numbered(0)));
}

TEST(ReadJsonlMeasurements, ReadsAPageAtATime) {
  const TemporaryFolder folder;
  const fs::path path = folder / "m.jsonl";
  const auto sink = JsonlMetricsSink::open(path).value();
  for (int64_t i = 0; i < 100; ++i) sink->write(numbered(i));
  int64_t next = 0;
  int pages = 0;
  for (uint64_t offset = 0; offset < fs::file_size(path); ++pages) {
    const auto page = read_jsonl_measurements(path, offset, 500).value();
    ASSERT_GT(page.next_offset, offset);
    for (const Measurement& measurement : page.measurements) EXPECT_EQ(measurement, numbered(next++));
    offset = page.next_offset;
  }
  EXPECT_EQ(next, 100);
  EXPECT_GT(pages, 10);
  EXPECT_TRUE(fails(read_jsonl_measurements(path, 0, 20), ErrorKind::kFatal,
                    "the line at byte 0 is longer than 20 bytes"));
  EXPECT_TRUE(fails(read_jsonl_measurements(folder / "none", 0), ErrorKind::kFatal, "No such file"));
}

}  // namespace templar::testing
