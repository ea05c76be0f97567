#include "app/world/news_wait.h"

#include <algorithm>
#include <thread>

namespace templar {
namespace {

using std::chrono::milliseconds;

// Stores on this machine are asked as often as this.
constexpr milliseconds kLocalPause{5};
constexpr milliseconds kFirstRemotePause{50};
constexpr double kLongestPauses = 16;  // of a window
constexpr milliseconds kPart{50};      // who is asked to end does so at once

// A node goes by what the ledger says alone; should it ever miss something there, it loses no more than this.
milliseconds longest_wait_for_entry(double window_seconds) {
  return std::max(milliseconds(1000),
                  milliseconds(static_cast<int64_t>(window_seconds * 1000 / kLongestPauses)));
}

}  // namespace

milliseconds remote_pause(double waited_seconds, double window_seconds) {
  const auto in_ms = [](double seconds) { return milliseconds(static_cast<int64_t>(seconds * 1000)); };
  const milliseconds longest = std::max(kFirstRemotePause, in_ms(window_seconds / kLongestPauses));
  return std::clamp(in_ms(waited_seconds / 2), kFirstRemotePause, longest);
}

bool NewsWait::look() {
  const std::optional<int64_t> before = block_;
  const auto revision = ledger_.revision();
  const auto latest = ledger_.latest_block();
  revision_ = revision ? std::optional(*revision) : std::nullopt;
  block_ = latest && *latest ? std::optional((*latest)->number) : std::nullopt;
  return block_ != before || !revision || !latest;
}

void NewsWait::begin_step() {
  look();
}

void NewsWait::await_block(const std::function<bool()>& should_stop) {
  while (!should_stop()) {
    // The node's own look at it fails, and says so.
    if (!revision_) return std::this_thread::sleep_for(kPart);
    if (ledger_.wait_for_change(*revision_, kPart) && look()) return;
  }
}

void NewsWait::await_entry(const std::function<bool()>& should_stop) {
  if (!revision_) return std::this_thread::sleep_for(kPart);
  milliseconds at_most = longest_wait_for_entry(window_seconds_);
  for (; at_most.count() > 0 && !should_stop(); at_most -= kPart) {
    if (ledger_.wait_for_change(*revision_, std::min(at_most, kPart))) return;
  }
}

void NewsWait::pause_for_object(const std::function<bool()>& should_stop) {
  if (!awaiting_) awaiting_.emplace();
  milliseconds pause = is_remote_ ? remote_pause(awaiting_->seconds(), window_seconds_) : kLocalPause;
  for (; pause.count() > 0 && !should_stop(); pause -= kPart)
    std::this_thread::sleep_for(std::min(pause, kPart));
}

void NewsWait::wait_after(Progress progress, const std::function<bool()>& should_stop) {
  if (progress != Progress::kAwaitsObject) awaiting_.reset();
  if (progress == Progress::kAwaitsBlock) await_block(should_stop);
  if (progress == Progress::kAwaitsEntry) await_entry(should_stop);
  if (progress == Progress::kAwaitsObject) pause_for_object(should_stop);
}

}  // namespace templar
