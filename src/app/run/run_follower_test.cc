#include "app/run/run_follower.h"

#include <gtest/gtest.h>

#include "adapters/jsonl_metrics/jsonl_metrics_sink.h"
#include "adapters/jsonl_metrics/thinning.h"
#include "base/files/file.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

Measurement step(int64_t window) {
  return {.name = "training_step_v2",
          .tags = {{"role", "miner"}, {"uid", "1"}},
          .fields = {{"window", window}, {"tokens", int64_t{10}}, {"state_root", std::string("aa")}},
          .time_ns = 1'000'000'000 + window};
}

// A run's folder with the measurements of one miner.
class Follower : public ::testing::Test {
 protected:
  Follower() { EXPECT_TRUE(make_folder(folder_ / "metrics")); }
  void write_windows(int64_t first, int64_t end) {
    const auto sink = JsonlMetricsSink::open(file_).value();
    for (int64_t window = first; window < end; ++window) sink->write(step(window));
  }
  void rotate(uint64_t max_bytes = uint64_t{1} << 20) { ASSERT_TRUE(rotate_metrics(file_, max_bytes)); }
  static void expect_knows(const RunFollower& follower, int64_t windows, size_t kept) {
    const RunView& view = follower.knowledge().view;
    EXPECT_EQ(view.totals().windows, windows);
    EXPECT_EQ(view.totals().tokens, 10.0 * static_cast<double>(windows));
    EXPECT_EQ(view.last_window(), windows - 1);
    EXPECT_EQ(view.windows().size(), kept);
  }

  const TemporaryFolder folder_;
  const std::filesystem::path file_ = folder_ / "metrics" / "miner-1.jsonl";
};

TEST_F(Follower, GoesOnWhereAFileWasMovedAside) {
  write_windows(0, 3);
  RunFollower follower = RunFollower::open(folder_.path()).value();
  expect_knows(follower, 3, 3);
  write_windows(3, 5);  // which it has not read when the file is moved
  rotate();
  write_windows(5, 6);
  follower.poll_all();
  expect_knows(follower, 6, 6);
  EXPECT_EQ(follower.knowledge().life, 0u);
  write_windows(6, 8);
  rotate();
  follower.poll_all();
  expect_knows(follower, 8, 8);
  write_windows(8, 9);
  follower.poll_all();
  expect_knows(follower, 9, 9);
  EXPECT_EQ(follower.knowledge().life, 0u) << "it is the same run all the time";
}

TEST_F(Follower, ReadsAThinnedRunWithTheSumOfAll) {
  write_windows(0, 8);
  rotate(1);
  write_windows(8, 10);
  rotate(1);  // of the first eight window 0 is left
  write_windows(10, 12);
  RunFollower follower = RunFollower::open(folder_.path()).value();
  follower.poll_all();
  expect_knows(follower, 12, 5);
  EXPECT_EQ(follower.knowledge().reading.done, follower.knowledge().reading.total);
}

TEST_F(Follower, BeginsAnewWhereFilesWereMovedTwiceBehindItsBack) {
  write_windows(0, 3);
  RunFollower follower = RunFollower::open(folder_.path()).value();
  for (int64_t first : {3, 6}) {
    write_windows(first, first + 3);
    rotate();
  }
  write_windows(9, 10);
  follower.poll_all();
  expect_knows(follower, 10, 10);
  EXPECT_EQ(follower.knowledge().life, 1u);
}

TEST_F(Follower, SeesThatAnotherRunHasBegunInTheFolder) {
  write_windows(0, 5);
  RunFollower follower = RunFollower::open(folder_.path()).value();
  std::filesystem::remove(file_);
  write_windows(0, 2);
  follower.poll_all();
  expect_knows(follower, 2, 2);
  EXPECT_EQ(follower.knowledge().life, 1u);
}

}  // namespace
}  // namespace templar::testing
