#include "base/threads/thread_team.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <set>
#include <system_error>
#include <thread>
#include <vector>

#include "base/threads/mutex.h"
#include "support/child_process.h"

namespace templar {
namespace {

class ThreadTeams : public ::testing::TestWithParam<int> {
 protected:
  ThreadTeam team_{GetParam()};
};

TEST_P(ThreadTeams, CallEveryMemberOnce) {
  std::vector<std::atomic<int>> calls(static_cast<size_t>(team_.threads()));
  team_.run([&](int member) { ++calls[static_cast<size_t>(member)]; });
  for (const auto& count : calls) EXPECT_EQ(count, 1);
}

// Each member waits for all others: only a team that works at once gets through.
TEST_P(ThreadTeams, WorkAllAtOnceOnThreadsOfTheirOwn) {
  std::atomic<int> arrived = 0;
  Mutex mutex;
  std::set<std::thread::id> threads;
  team_.run([&](int) {
    {
      const MutexLock lock(mutex);
      threads.insert(std::this_thread::get_id());
    }
    ++arrived;
    while (arrived < team_.threads()) std::this_thread::yield();
  });
  EXPECT_EQ(threads.size(), static_cast<size_t>(team_.threads()));
  EXPECT_TRUE(threads.contains(std::this_thread::get_id())) << "the caller does not work";
}

TEST_P(ThreadTeams, CoverEveryItemOnceInRangesOfWholeGrains) {
  for (const size_t count : {0, 1, 2, 3, 7, 8, 9, 63, 64, 65, 1000}) {
    for (const size_t grain : {1, 2, 3, 8, 64, 2000}) {
      std::vector<std::atomic<int>> visits(count);
      std::atomic<int> ranges = 0;
      team_.for_ranges(count, grain, [&](size_t begin, size_t end) {
        ++ranges;
        EXPECT_LT(begin, end);
        EXPECT_EQ(begin % grain, 0u);
        EXPECT_TRUE(end % grain == 0 || end == count);
        for (size_t i = begin; i < end; ++i) ++visits[i];
      });
      for (size_t i = 0; i < count; ++i)
        ASSERT_EQ(visits[i], 1) << count << " items by " << grain << ", item " << i;
      EXPECT_LE(ranges, team_.threads());
    }
  }
}

TEST_P(ThreadTeams, CutEvenly) {
  const size_t count = 100;
  team_.for_ranges(count, 1, [&](size_t begin, size_t end) {
    EXPECT_NEAR(static_cast<double>(end - begin), static_cast<double>(count) / team_.threads(), 1);
  });
}

TEST_P(ThreadTeams, SeeEachRoundsWorkInTheNext) {
  std::vector<int64_t> values(97, 1);
  int64_t sum = 0;
  for (int round = 0; round < 300; ++round) {
    team_.for_ranges(values.size(), 5, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) values[i] += sum % 3;
    });
    sum = 0;
    for (const int64_t value : values) sum += value;
  }
  EXPECT_EQ(sum, 97 * values[0]);
}

INSTANTIATE_TEST_SUITE_P(Threads, ThreadTeams, ::testing::Values(1, 2, 3, 8));

TEST(ThreadTeam, MayBeMadeAndLeftWithoutWork) {
  for (int i = 0; i < 50; ++i) EXPECT_EQ(ThreadTeam(4).threads(), 4);
}

TEST(ThreadTeam, MayWorkInsideAnothersWork) {
  ThreadTeam outer(3);
  std::vector<size_t> sums(3, 0);
  outer.run([&](int member) {
    ThreadTeam inner(2);
    std::atomic<size_t> sum = 0;
    inner.for_ranges(100, 1, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) sum += i;
    });
    sums[static_cast<size_t>(member)] = sum;
  });
  EXPECT_EQ(sums, std::vector<size_t>(3, 4950));
}

TEST(ThreadTeam, ThatGetsTooFewThreadsIsNoneAndLeavesNone) {
  EXPECT_EQ(testing::run_in_child([] {
              (void)testing::become_nobody();  // root may have any number
              const rlimit limit{.rlim_cur = 2, .rlim_max = 2};
              if (::setrlimit(RLIMIT_NPROC, &limit) != 0) return 1;
              try {
                const ThreadTeam team(64);
              } catch (const std::system_error&) {
                return 0;
              }
              return 2;
            }),
            0);
}

}  // namespace
}  // namespace templar
