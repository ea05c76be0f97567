#include "app/world/news_wait.h"

#include <algorithm>
#include <thread>

namespace templar {
namespace {

using std::chrono::milliseconds;

// The ledger, and stores on this machine, are asked as often as this.
constexpr milliseconds kLocalPause{5};
constexpr milliseconds kFirstRemotePause{50};
constexpr double kLongestPauses = 16;  // of a window
constexpr milliseconds kPart{50};      // who is asked to end does so at once

}  // namespace

milliseconds remote_pause(double waited_seconds, double window_seconds) {
  const auto in_ms = [](double seconds) { return milliseconds(static_cast<int64_t>(seconds * 1000)); };
  const milliseconds longest = std::max(kFirstRemotePause, in_ms(window_seconds / kLongestPauses));
  return std::clamp(in_ms(waited_seconds / 2), kFirstRemotePause, longest);
}

std::optional<int64_t> NewsWait::latest_block() const {
  const auto latest = ledger_.latest_block();
  if (!latest || !*latest) return std::nullopt;
  return (*latest)->number;
}

void NewsWait::begin_step() {
  block_ = latest_block();
}

void NewsWait::wait_after(Progress progress, const std::function<bool()>& should_stop) {
  if (progress != Progress::kAwaitsObject) awaiting_.reset();
  if (progress == Progress::kAwaitsBlock) {
    while (!should_stop() && latest_block() == block_) std::this_thread::sleep_for(kLocalPause);
    return;
  }
  if (progress != Progress::kAwaitsObject) return;
  if (!awaiting_) awaiting_.emplace();
  milliseconds pause = is_remote_ ? remote_pause(awaiting_->seconds(), window_seconds_) : kLocalPause;
  for (; pause.count() > 0 && !should_stop(); pause -= kPart)
    std::this_thread::sleep_for(std::min(pause, kPart));
}

}  // namespace templar
