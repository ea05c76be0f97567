#include "node/window/peer_calls.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <numeric>
#include <string>
#include <thread>

#include "base/random.h"
#include "base/threads/cancellation.h"
#include "base/threads/mutex.h"
#include "support/expect_failure.h"

namespace templar::testing {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kForever{1'000'000};

// What tests of this file count and wait for.
class PeerCallsTest : public ::testing::Test {
 protected:
  [[nodiscard]] CallingThreads threads(int most) { return {reading_, checking_, most}; }
  [[nodiscard]] std::vector<PeerAnswer> call(
      size_t count, const std::optional<PeerPatience>& patience,
      const std::function<PeerAnswer(size_t peer, const PeerCall& call)>& ask, int most = 16) {
    return call_peers(count, threads(most), patience, [&](size_t peer, const PeerCall& call) {
      {
        const MutexLock lock(mutex_);
        ++asked_[peer];
      }
      return ask(peer, call);
    });
  }
  static PeerAnswer answer_of(size_t peer) { return Verdict{VerdictCode::kMissing, std::to_string(peer)}; }
  static std::string text_of(const PeerAnswer& answer) {
    return answer ? std::get<Verdict>(*answer).reason : "error: " + answer.error().message;
  }
  // Until it is given up.
  PeerAnswer be_silent() {
    wait_until([] { return is_thread_cancelled(); });
    return retry_error("cancelled");
  }
  void wait_until(const std::function<bool()>& condition) {
    const MutexLock lock(mutex_);
    while (!condition()) changed_.wait_for(mutex_, milliseconds(1));
  }
  int asked(size_t peer) {
    const MutexLock lock(mutex_);
    return asked_[peer];
  }

  // Counts threads that are in some place at once.
  struct Crowd {
    void enter() {
      const int now = ++inside;
      for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
      }
    }
    void leave() { --inside; }
    std::atomic<int> inside = 0;
    std::atomic<int> most = 0;
  };

  ThreadSlots reading_{16};
  ThreadSlots checking_{2};
  Mutex mutex_;
  ConditionVariable changed_;
  std::map<size_t, int> asked_ GUARDED_BY(mutex_);
};

// Each answers when it is its turn, so that none does unless all are asked at once.
TEST_F(PeerCallsTest, GivesTheAnswersInOrderWhateverComesFirst) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    constexpr size_t kPeers = 12;
    std::vector<size_t> turns(kPeers);
    std::iota(turns.begin(), turns.end(), 0);
    Random random(seed, "turns");
    for (size_t i = kPeers; i > 1; --i) std::swap(turns[i - 1], turns[random.below(i)]);
    std::atomic<size_t> turn = 0;
    const auto answers = call(kPeers, PeerPatience{}, [&](size_t peer, const PeerCall& call) {
      wait_until([&] { return turn == turns[peer]; });
      EXPECT_TRUE(call.arrive());
      ++turn;
      return answer_of(peer);
    });
    ASSERT_EQ(answers.size(), kPeers);
    for (size_t peer = 0; peer < kPeers; ++peer) EXPECT_EQ(text_of(answers[peer]), std::to_string(peer));
  }
}

TEST_F(PeerCallsTest, AsksOneAfterTheOtherOnTheCallersThreadWhereItHasNoOther) {
  const std::thread::id caller = std::this_thread::get_id();
  size_t next = 0;
  const auto ask = [&](size_t peer, const PeerCall& call) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    EXPECT_EQ(peer, next++);
    call.hear_answer();
    EXPECT_TRUE(call.make_room(uint64_t{1} << 60) && call.arrive());
    return answer_of(peer);
  };
  EXPECT_EQ(call(5, PeerPatience{}, ask, 1).size(), 5u);
  EXPECT_EQ(next, 5u);
}

TEST_F(PeerCallsTest, AllGathersTogetherHaveNoMoreThreadsThanThereAre) {
  Crowd readers;
  Crowd checkers;
  const auto ask = [&](size_t peer, const PeerCall& call) {
    readers.enter();
    EXPECT_TRUE(call.arrive() && call.arrive());
    checkers.enter();
    for (int i = 0; i < 100; ++i) std::this_thread::yield();
    checkers.leave();
    readers.leave();
    return answer_of(peer);
  };
  ThreadSlots few(5);
  std::vector<std::thread> gathers;
  for (int gather = 0; gather < 4; ++gather) {
    gathers.emplace_back([&] {
      const auto answers = call_peers(50, {few, checking_, 4}, PeerPatience{}, ask);
      for (size_t peer = 0; peer < 50; ++peer) EXPECT_EQ(text_of(answers[peer]), std::to_string(peer));
    });
  }
  for (std::thread& gather : gathers) gather.join();
  EXPECT_LE(readers.most, 5);
  EXPECT_LE(checkers.most, 2);
  EXPECT_EQ(few.try_take(100), 5) << "all are given back";
  EXPECT_EQ(checking_.try_take(100), 2);
}

TEST_F(PeerCallsTest, GivesUpTheSilentOnceTheOthersHaveAnswered) {
  const PeerPatience patience{.second_call = milliseconds(60), .silence = milliseconds(120)};
  const auto answers = call(8, patience, [&](size_t peer, const PeerCall& call) {
    if (peer % 4 == 1) call.hear_answer();  // silent only then
    return peer % 4 == 1 ? be_silent() : answer_of(peer);
  });
  for (size_t peer = 0; peer < 8; ++peer) {
    if (peer % 4 != 1) {
      EXPECT_EQ(text_of(answers[peer]), std::to_string(peer));
      EXPECT_EQ(asked(peer), 1);
    } else {
      EXPECT_TRUE(fails(answers[peer], ErrorKind::kRetry, "silent for 0.1 s: given up"));
      EXPECT_EQ(asked(peer), 2) << "it has a second chance";
    }
  }
}

TEST_F(PeerCallsTest, TakesTheFasterOfTwoCalls) {
  const PeerPatience patience{.second_call = milliseconds(60), .silence = kForever};
  std::atomic<int> calls = 0;
  const auto answers = call(4, patience, [&](size_t peer, const PeerCall&) {
    return peer == 2 && calls++ == 0 ? be_silent() : answer_of(peer);
  });
  EXPECT_EQ(text_of(answers[2]), "2");
  EXPECT_EQ(calls, 2);
}

TEST_F(PeerCallsTest, TakesTheFirstCallWhereTheSecondFails) {
  const PeerPatience patience{.second_call = milliseconds(60), .silence = kForever};
  std::atomic<int> calls = 0;
  std::atomic<bool> has_failed = false;
  const auto answers = call(2, patience, [&](size_t peer, const PeerCall&) -> PeerAnswer {
    if (peer == 1 && calls++ == 1) {
      has_failed = true;
      return retry_error("refused");
    }
    if (peer == 1) wait_until([&] { return has_failed.load(); });
    return answer_of(peer);
  });
  EXPECT_EQ(text_of(answers[1]), "1");
}

TEST_F(PeerCallsTest, ChecksOnlyOneOfTwoCalls) {
  const PeerPatience patience{.second_call = milliseconds(60), .silence = kForever};
  std::atomic<int> calls = 0;
  std::atomic<bool> has_arrived = false;
  const auto answers = call(1, patience, [&](size_t peer, const PeerCall& call) -> PeerAnswer {
    if (calls++ == 0) {
      wait_until([&] { return has_arrived.load(); });
      EXPECT_FALSE(call.arrive());
      return retry_error("the other was faster");
    }
    EXPECT_TRUE(call.arrive());
    has_arrived = true;
    return answer_of(peer);
  });
  EXPECT_EQ(text_of(answers[0]), "0");
}

TEST_F(PeerCallsTest, AsksASecondTimeWhoeverIsMuchSlowerThanMost) {
  // Nobody is silent for that long.
  const PeerPatience patience{.second_call = milliseconds(200), .silence = kForever, .straggler = kForever};
  std::atomic<int> calls = 0;
  const auto answers = call(8, patience, [&](size_t peer, const PeerCall& call) -> PeerAnswer {
    if (peer != 3 || calls++ > 0) return answer_of(peer);
    wait_until([&] {
      call.hear_answer();
      return is_thread_cancelled();
    });
    return retry_error("cancelled");
  });
  EXPECT_EQ(text_of(answers[3]), "3");
  EXPECT_EQ(calls, 2);
}

TEST_F(PeerCallsTest, WaitsForWhoeverSpeaks) {
  const PeerPatience patience{.second_call = milliseconds(300), .silence = milliseconds(300)};
  std::atomic<int> words = 0;
  const auto answers = call(1, patience, [&](size_t peer, const PeerCall& call) {
    wait_until([&] {
      call.hear_bytes(64 << 10);
      return ++words > 700;  // for at least 700 ms
    });
    return answer_of(peer);
  });
  EXPECT_EQ(text_of(answers[0]), "0");
  EXPECT_EQ(asked(0), 1);
}

TEST_F(PeerCallsTest, TakesATrickleForSilence) {
  const PeerPatience patience{.second_call = milliseconds(60), .silence = milliseconds(120)};
  const auto answers = call(2, patience, [&](size_t peer, const PeerCall& call) -> PeerAnswer {
    if (peer == 0) return answer_of(peer);
    wait_until([&] {
      call.hear_bytes(1);
      return is_thread_cancelled();
    });
    return retry_error("cancelled");
  });
  EXPECT_TRUE(fails(answers[1], ErrorKind::kRetry, "silent"));
}

TEST_F(PeerCallsTest, GivesUpTheEndless) {
  for (const bool most_are_fast : {true, false}) {
    const PeerPatience patience{.second_call = kForever,
                                .silence = kForever,
                                .straggler = milliseconds(most_are_fast ? 150 : 1'000'000),
                                .whole = milliseconds(most_are_fast ? 1'000'000 : 150)};
    const auto answers = call(8, patience, [&](size_t peer, const PeerCall& call) -> PeerAnswer {
      if (most_are_fast && peer != 7) return answer_of(peer);
      wait_until([&] {
        call.hear_answer();
        return is_thread_cancelled();
      });
      return retry_error("cancelled");
    });
    EXPECT_TRUE(fails(answers[7], ErrorKind::kRetry, "not there after 0.")) << most_are_fast;
    EXPECT_EQ(answers[0].has_value(), most_are_fast);
  }
}

TEST_F(PeerCallsTest, LosesNothingThatHasArrivedByPatience) {
  const PeerPatience patience{.second_call = milliseconds(20),
                              .silence = milliseconds(20),
                              .straggler = milliseconds(20),
                              .whole = milliseconds(20)};
  int rounds = 0;
  const auto answers = call(1, patience, [&](size_t peer, const PeerCall& call) {
    EXPECT_TRUE(call.arrive());
    wait_until([&] { return ++rounds > 200 || is_thread_cancelled(); });
    EXPECT_FALSE(is_thread_cancelled());
    return answer_of(peer);
  });
  EXPECT_EQ(text_of(answers[0]), "0");
  EXPECT_EQ(asked(0), 1);
}

TEST_F(PeerCallsTest, LetsTheSilentKeepNoThreadFromOthers) {
  const PeerPatience patience{.second_call = milliseconds(60), .silence = milliseconds(120)};
  const auto answers = call(
      12, patience, [&](size_t peer, const PeerCall&) { return peer < 4 ? be_silent() : answer_of(peer); },
      2);
  for (size_t peer = 0; peer < 12; ++peer) {
    EXPECT_EQ(answers[peer].has_value(), peer >= 4) << peer << text_of(answers[peer]);
  }
}

TEST_F(PeerCallsTest, AsksOnceAndWaitsWhereItHasAllPatience) {
  std::atomic<int> rounds = 0;
  const auto answers = call(3, std::nullopt, [&](size_t peer, const PeerCall&) {
    if (peer == 1) wait_until([&] { return ++rounds > 300; });
    return answer_of(peer);
  });
  EXPECT_EQ(text_of(answers[1]), "1");
  EXPECT_EQ(asked(1), 1);
}

TEST_F(PeerCallsTest, LetsFewBodiesOnTheirWayAtOnce) {
  Crowd bodies;
  const auto ask = [&](size_t peer, const PeerCall& call) {
    EXPECT_TRUE(call.make_room(uint64_t{1} << 30));
    bodies.enter();
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();
    bodies.leave();
    EXPECT_TRUE(call.arrive());
    return answer_of(peer);
  };
  EXPECT_EQ(call(16, PeerPatience{}, ask).size(), 16u);
  EXPECT_LE(bodies.most, 8);
}

// Eight of them would fill what may be on its way.
TEST_F(PeerCallsTest, CountsNoBodyThatNothingComesOf) {
  const PeerPatience patience{.second_call = milliseconds(60), .silence = milliseconds(300)};
  std::atomic<int> silent = 0;
  std::atomic<int> gone = 0;
  const auto answers = call(12, patience, [&](size_t peer, const PeerCall& call) -> PeerAnswer {
    if (peer >= 9) wait_until([&] { return silent >= 8; });
    if (!call.make_room(uint64_t{1} << 30)) return retry_error("given up");
    if (peer < 9) ++silent;
    if (peer < 9) return be_silent();
    ++gone;
    return answer_of(peer);
  });
  EXPECT_EQ(gone, 3);
  for (size_t peer = 9; peer < 12; ++peer) EXPECT_EQ(text_of(answers[peer]), std::to_string(peer));
}

TEST_F(PeerCallsTest, EndsWithItsCaller) {
  std::stop_source source;
  const CancellationScope scope(source.get_token());
  const auto answers = call(20, std::nullopt, [&](size_t peer, const PeerCall&) {
    if (peer == 0) source.request_stop();
    return be_silent();
  });
  for (const PeerAnswer& answer : answers) EXPECT_TRUE(fails(answer, ErrorKind::kRetry, "cancelled"));
}

TEST_F(PeerCallsTest, AsksNobodyWhereThereIsNobody) {
  EXPECT_TRUE(call(0, PeerPatience{}, [](size_t peer, const PeerCall&) { return answer_of(peer); }).empty());
}

}  // namespace
}  // namespace templar::testing
