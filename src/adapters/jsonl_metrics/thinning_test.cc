#include "adapters/jsonl_metrics/thinning.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "adapters/jsonl_metrics/jsonl_metrics_sink.h"
#include "base/files/file.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

Measurement step(int64_t window, int64_t tokens = 10) {
  return {.name = "training_step_v2",
          .tags = {{"role", "miner"}, {"uid", "1"}},
          .fields = {{"window", window}, {"tokens", tokens}, {"contribution_bytes", int64_t{7}}},
          .time_ns = 1000 + window};
}

class Thinning : public ::testing::Test {
 protected:
  void write(const std::vector<Measurement>& measurements) {
    JsonlMetricsSink::open(file_).value()->write(measurements);
  }
  void write_windows(int64_t first, int64_t end) {
    std::vector<Measurement> steps;
    for (int64_t window = first; window < end; ++window) steps.push_back(step(window));
    write(steps);
  }
  [[nodiscard]] static std::vector<Measurement> read(const fs::path& file) {
    return is_there(file) ? read_jsonl_measurements(file, 0).value().measurements
                          : std::vector<Measurement>();
  }
  [[nodiscard]] static std::vector<int64_t> windows_in(const fs::path& file) {
    std::vector<int64_t> windows;
    for (const Measurement& measurement : read(file)) {
      if (measurement.name == "training_step_v2")
        windows.push_back(std::get<int64_t>(measurement.fields.at("window")));
    }
    return windows;
  }
  [[nodiscard]] static int64_t sum_of(const fs::path& file, const std::string& field) {
    const std::vector<Measurement> all = read(file);
    EXPECT_FALSE(all.empty());
    EXPECT_EQ(all.front().name, "metrics_thinned");
    return std::get<int64_t>(all.front().fields.at(field));
  }

  const TemporaryFolder folder_;
  const fs::path file_ = folder_ / "miner-1.jsonl";
  const fs::path moved_ = folder_ / "miner-1.jsonl.1";
  const fs::path thinned_ = folder_ / "miner-1.jsonl.thinned";
  const uint64_t line_bytes_ = [] {
    std::string line;
    append_measurement_line(line, step(10));
    return line.size();
  }();
};

TEST_F(Thinning, MovesTheFileAsideFirst) {
  write_windows(0, 4);
  ASSERT_TRUE(rotate_metrics(file_, 1000));
  EXPECT_FALSE(is_there(file_));
  EXPECT_FALSE(is_there(thinned_));
  EXPECT_THAT(windows_in(moved_), ElementsAre(0, 1, 2, 3));
}

TEST_F(Thinning, KeepsTheWindowsThatAPowerOfTwoDividesAndTheSumOfAll) {
  write_windows(0, 16);
  ASSERT_TRUE(rotate_metrics(file_, 5 * line_bytes_));
  write_windows(16, 18);
  ASSERT_TRUE(rotate_metrics(file_, 5 * line_bytes_));
  EXPECT_THAT(windows_in(moved_), ElementsAre(16, 17));
  EXPECT_THAT(windows_in(thinned_), ElementsAre(0, 4, 8, 12));
  EXPECT_EQ(sum_of(thinned_, "windows"), 16);
  EXPECT_EQ(sum_of(thinned_, "below_window"), 16);
  EXPECT_EQ(sum_of(thinned_, "tokens"), 160);
  EXPECT_EQ(sum_of(thinned_, "contribution_bytes"), 16 * 7);
  EXPECT_EQ(sum_of(thinned_, "contributions"), 16);
  // The next time more of them go, and the sums go on.
  write_windows(18, 20);
  ASSERT_TRUE(rotate_metrics(file_, 3 * line_bytes_));
  EXPECT_THAT(windows_in(thinned_), ElementsAre(0, 8, 16));
  EXPECT_EQ(sum_of(thinned_, "windows"), 18);
  EXPECT_EQ(sum_of(thinned_, "tokens"), 180);
}

TEST_F(Thinning, CountsAWindowThatWasReportedAgainOnce) {
  write_windows(0, 4);
  write_windows(2, 4);
  ASSERT_TRUE(rotate_metrics(file_, 100000));
  write_windows(4, 5);
  ASSERT_TRUE(rotate_metrics(file_, 100000));
  EXPECT_EQ(sum_of(thinned_, "windows"), 4);
}

TEST_F(Thinning, KeepsWhatTellsOfCallsAlarmsAndDivergenceAndNoOldLookAtTheMachine) {
  const auto named = [](const std::string& name, int64_t window) {
    return Measurement{.name = name, .tags = {}, .fields = {{"window", window}}, .time_ns = 5};
  };
  Measurement begin = named("localnet_begin", 0);
  begin.fields = {{"windows", int64_t{5}}};
  write({begin,
         named("model_divergence", 3),
         named("network_alarm", 3),
         step(1),
         {.name = "system", .tags = {}, .fields = {{"sys_load_1m", 0.5}}, .time_ns = 5}});
  ASSERT_TRUE(rotate_metrics(file_, 1));
  write_windows(2, 3);
  ASSERT_TRUE(rotate_metrics(file_, 1));
  std::vector<std::string> names;
  for (const Measurement& measurement : read(thinned_)) names.push_back(measurement.name);
  EXPECT_THAT(names, ElementsAre("metrics_thinned", "localnet_begin", "model_divergence", "network_alarm"));
}

TEST_F(Thinning, OfASinkKeepsAllThreeFilesBelowTheirSize) {
  const uint64_t max_bytes = 20 * line_bytes_;
  const auto sink = JsonlMetricsSink::open(file_, max_bytes).value();
  for (int64_t window = 0; window < 1000; ++window) sink->write(step(window));
  for (const fs::path& file : {file_, moved_, thinned_}) {
    ASSERT_TRUE(is_there(file)) << file;
    EXPECT_LE(fs::file_size(file), max_bytes + 3 * line_bytes_) << file;
  }
  const std::vector<int64_t> newest = windows_in(file_);
  const std::vector<int64_t> before = windows_in(moved_);
  EXPECT_EQ(newest.back(), 999);
  EXPECT_EQ(before.back() + 1, newest.front());
  EXPECT_EQ(sum_of(thinned_, "windows"), before.front());
}

}  // namespace
}  // namespace templar::testing
