#include "base/threads/thread_team.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>
#include <vector>

#include "base/check.h"

namespace templar {
namespace {

// Jobs of an engine follow each other within microseconds: a short spin catches the next one, a longer wait
// sleeps.
constexpr int kSpinsBeforeSleep = 2000;

void wait_while_equal(const std::atomic<uint32_t>& value, uint32_t old) {
  for (int spin = 0; spin < kSpinsBeforeSleep; ++spin) {
    if (value.load(std::memory_order_acquire) != old) return;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

}  // namespace

struct ThreadTeam::Shared {
  std::atomic<uint32_t> job{0};      // counts jobs; a change wakes the members
  std::atomic<uint32_t> running{0};  // members that have not finished the job
  bool stop = false;
  const std::function<void(int)>* work = nullptr;
  std::vector<std::thread> members;

  void end();  // all members
};

void ThreadTeam::Shared::end() {
  stop = true;
  job.fetch_add(1, std::memory_order_release);
  job.notify_all();
  for (std::thread& member : members) member.join();
}

ThreadTeam::ThreadTeam(int threads) : threads_(threads), shared_(std::make_unique<Shared>()) {
  CHECK(threads >= 1);
  try {
    start();
  } catch (const std::exception&) {  // the system gives no more threads, or no memory for them
    shared_->end();
    throw;
  }
}

void ThreadTeam::start() {
  for (int member = 1; member < threads_; ++member) {
    shared_->members.emplace_back([shared = shared_.get(), member] {
      uint32_t seen = 0;
      for (;;) {
        wait_while_equal(shared->job, seen);
        ++seen;
        if (shared->stop) return;
        (*shared->work)(member);
        if (shared->running.fetch_sub(1, std::memory_order_acq_rel) == 1) shared->running.notify_one();
      }
    });
  }
}

ThreadTeam::~ThreadTeam() {
  shared_->end();
}

void ThreadTeam::run(const std::function<void(int)>& work) {
  if (threads_ == 1) return work(0);
  shared_->work = &work;
  shared_->running.store(static_cast<uint32_t>(threads_ - 1), std::memory_order_relaxed);
  shared_->job.fetch_add(1, std::memory_order_release);
  shared_->job.notify_all();
  work(0);
  for (uint32_t left; (left = shared_->running.load(std::memory_order_acquire)) != 0;) {
    wait_while_equal(shared_->running, left);
  }
}

void ThreadTeam::for_ranges(size_t count, size_t grain, const std::function<void(size_t, size_t)>& work) {
  CHECK(grain > 0);
  const size_t units = (count + grain - 1) / grain;
  const size_t parts = std::min<size_t>(units, static_cast<size_t>(threads_));
  if (parts == 0) return;
  if (parts == 1) return work(0, count);
  run([&](int member) {
    const auto part = static_cast<size_t>(member);
    if (part >= parts) return;
    const size_t begin = units * part / parts * grain;
    const size_t end = std::min(count, units * (part + 1) / parts * grain);
    if (begin < end) work(begin, end);
  });
}

}  // namespace templar
