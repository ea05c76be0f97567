#include "app/dashboard/run_watch.h"

#include <chrono>

namespace templar {
namespace {

constexpr std::chrono::milliseconds kFollowPause{250};
constexpr int kMostWaiting = 16;  // each holds one of the server's threads

}  // namespace

RunWatch::RunWatch(RunFollower follower) : follower_(std::move(follower)) {
  reader_ = std::jthread([this](const std::stop_token& stop) { read_all(stop); });
}

// In parts, so that a page that is opened meanwhile shows what is there.
void RunWatch::read_all(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      const MutexLock lock(mutex_);
      caught_up_ = !follower_.poll();
      if (caught_up_) break;
    }
    // A lock that is taken again at once would keep everybody else out.
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  changed_.notify_all();
}

// All of it; while the start's reading is under way, one part.
void RunWatch::read_news() {
  while (follower_.poll() && caught_up_) {
  }
}

void RunWatch::look(const std::function<void(const RunKnowledge&)>& look) {
  const MutexLock lock(mutex_);
  read_news();
  look(follower_.knowledge());
}

void RunWatch::wait_for_news(uint64_t life, uint64_t revision, double seconds) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  MutexLock lock(mutex_);
  if (waiting_ >= kMostWaiting) return;
  ++waiting_;
  while (!stopped_ && std::chrono::steady_clock::now() < until) {
    read_news();
    const RunKnowledge& known = follower_.knowledge();
    if (known.life != life || known.view.revision() != revision) break;
    changed_.wait_for(mutex_, kFollowPause);
  }
  --waiting_;
}

void RunWatch::stop() {
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  reader_.request_stop();
  if (reader_.joinable()) reader_.join();
}

}  // namespace templar
