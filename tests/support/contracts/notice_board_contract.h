// What every notice board must do. An implementation's test gives a harness and instantiates the suite:
//
//   struct MemoryBoardHarness {
//     NoticeBoard& board();  // empty at first
//   };
//   INSTANTIATE_TYPED_TEST_SUITE_P(Memory, NoticeBoardContract, MemoryBoardHarness);
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "ports/notice_board.h"
#include "support/expect_failure.h"

namespace templar::testing {

template <typename Harness>
class NoticeBoardContract : public ::testing::Test {
 protected:
  NoticeBoard& board() { return harness_.board(); }
  bool write(const std::string& key, const std::string& content,
             const std::vector<NoticeCondition>& conditions = {}) {
    return board().write(key, as_bytes(content), conditions).value();
  }
  std::string content(const std::string& key) {
    const auto notice = board().read(key).value();
    return notice ? std::string(as_text(notice->content)) : "(none)";
  }
  std::vector<std::string> keys(const std::string& prefix) {
    std::vector<std::string> found;
    const std::vector<Notice> notices = board().list(prefix).value();
    for (const Notice& notice : notices) found.push_back(notice.key);
    return found;
  }

  Harness harness_;
};

TYPED_TEST_SUITE_P(NoticeBoardContract);

TYPED_TEST_P(NoticeBoardContract, IsEmptyAtFirst) {
  EXPECT_EQ(this->board().read("a").value(), std::nullopt);
  EXPECT_TRUE(this->board().list("").value().empty());
  EXPECT_EQ(this->board().last("").value(), std::nullopt);
  EXPECT_TRUE(this->board().revision());
}

TYPED_TEST_P(NoticeBoardContract, KeepsWhatWasWrittenLast) {
  const std::string bytes("\0\xff\n", 3);
  EXPECT_TRUE(this->write("a/1", "first"));
  EXPECT_TRUE(this->write("a/1", bytes));
  EXPECT_TRUE(this->write("a/2", ""));
  EXPECT_EQ(this->content("a/1"), bytes);
  EXPECT_EQ(this->content("a/2"), "");
  EXPECT_EQ(this->content("a/3"), "(none)");
}

TYPED_TEST_P(NoticeBoardContract, ListsByPrefixInOrder) {
  for (const char* key : {"b/2", "a/9", "b/10", "b/1", "ba", "b", "c"}) EXPECT_TRUE(this->write(key, key));
  EXPECT_THAT(this->keys("b/"), ::testing::ElementsAre("b/1", "b/10", "b/2"));
  EXPECT_THAT(this->keys("b"), ::testing::ElementsAre("b", "b/1", "b/10", "b/2", "ba"));
  EXPECT_THAT(this->keys("d"), ::testing::IsEmpty());
  EXPECT_EQ(this->board().last("b/").value()->key, "b/2");
  EXPECT_EQ(this->board().last("a").value()->key, "a/9");
  EXPECT_EQ(this->board().last("").value()->key, "c");
  EXPECT_EQ(this->board().last("b/3").value(), std::nullopt);
}

TYPED_TEST_P(NoticeBoardContract, CountsItsWrites) {
  const int64_t empty = this->board().revision().value();
  ASSERT_TRUE(this->write("a", "1"));
  const int64_t first = this->board().read("a").value()->revision;
  ASSERT_TRUE(this->write("b", "1"));
  ASSERT_TRUE(this->write("a", "1"));
  EXPECT_GT(first, 0);
  EXPECT_LT(empty, this->board().revision().value());
  EXPECT_LT(first, this->board().read("b").value()->revision);
  EXPECT_LT(this->board().read("b").value()->revision, this->board().read("a").value()->revision);
  const int64_t now = this->board().revision().value();
  EXPECT_TRUE(this->board().list("").value().size() == 2 && this->board().revision().value() == now);
}

TYPED_TEST_P(NoticeBoardContract, WritesOnlyWhereAllConditionsHold) {
  ASSERT_TRUE(this->write("a", "1", {{"a", 0}, {"b", 0}}));
  EXPECT_FALSE(this->write("a", "2", {{"a", 0}})) << "it is there";
  const int64_t revision = this->board().read("a").value()->revision;
  EXPECT_FALSE(this->write("b", "2", {{"a", revision + 1}}));
  EXPECT_FALSE(this->write("b", "2", {{"b", revision}})) << "it is not there";
  EXPECT_EQ(this->content("b"), "(none)");
  EXPECT_EQ(this->content("a"), "1");
  EXPECT_TRUE(this->write("b", "3", {{"a", revision}, {"b", 0}}));
  EXPECT_TRUE(this->write("a", "4", {{"a", revision}}));
  EXPECT_FALSE(this->write("a", "5", {{"a", revision}})) << "it has changed since";
  EXPECT_EQ(this->content("a"), "4");
}

TYPED_TEST_P(NoticeBoardContract, RefusesWhatNoBoardCanHave) {
  const auto refuses = [&](const std::string& key, size_t size, const char* reason) {
    return fails(this->board().write(key, Bytes(size), {}), ErrorKind::kFatal, reason);
  };
  EXPECT_TRUE(refuses("", 1, "no key that a board can have"));
  EXPECT_TRUE(refuses("A", 1, "no key that a board can have"));
  EXPECT_TRUE(refuses("a b", 1, "no key that a board can have"));
  EXPECT_TRUE(refuses(std::string(kMaxNoticeKeyBytes + 1, 'a'), 1, "no key that a board can have"));
  EXPECT_TRUE(refuses("a", kMaxNoticeBytes + 1, "524289 bytes, at most 524288 are allowed"));
  EXPECT_TRUE(this->board().write(std::string(kMaxNoticeKeyBytes, 'z'), Bytes(kMaxNoticeBytes), {}).value());
  EXPECT_EQ(this->board().list("").value().size(), 1u);
}

TYPED_TEST_P(NoticeBoardContract, LetsOneOfManyThreadsWin) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 40;
  std::atomic<int> won = 0;
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        const std::string key = "round/" + std::to_string(round);
        const auto written = this->board().write(key, as_bytes("x"), std::vector<NoticeCondition>{{key, 0}});
        if (!written) ++failures;
        if (written && *written) ++won;
        if (!this->board().list("round/")) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(won, kRounds);
}

TYPED_TEST_P(NoticeBoardContract, WaitsUntilItIsWrittenTo) {
  using std::chrono::milliseconds;
  using std::chrono::minutes;
  const int64_t before = this->board().revision().value();
  EXPECT_FALSE(this->board().wait_for_change(before, milliseconds(0)));
  EXPECT_FALSE(this->board().wait_for_change(before, milliseconds(50)));
  ASSERT_TRUE(this->write("a", "1"));
  EXPECT_TRUE(this->board().wait_for_change(before, minutes(1)));
  const int64_t now = this->board().revision().value();
  EXPECT_FALSE(this->board().wait_for_change(now, milliseconds(50)));
  std::thread writer([this] { EXPECT_TRUE(this->write("b", "1")); });
  EXPECT_TRUE(this->board().wait_for_change(now, minutes(1)));
  writer.join();
  EXPECT_FALSE(this->board().wait_for_change(this->board().revision().value(), milliseconds(0)));
}

REGISTER_TYPED_TEST_SUITE_P(NoticeBoardContract, WaitsUntilItIsWrittenTo, IsEmptyAtFirst,
                            KeepsWhatWasWrittenLast, ListsByPrefixInOrder, CountsItsWrites,
                            WritesOnlyWhereAllConditionsHold, RefusesWhatNoBoardCanHave,
                            LetsOneOfManyThreadsWin);

}  // namespace templar::testing
