#include "adapters/s3/request_gate.h"

#include <algorithm>

namespace templar {
namespace {

constexpr std::chrono::milliseconds kCancellationStep{100};

bool says_stop(const RequestGate::IsCancelled& is_cancelled) {
  return is_cancelled && is_cancelled();
}

}  // namespace

bool RequestGate::enter(const IsCancelled& is_cancelled) {
  const MutexLock lock(mutex_);
  while (closed_by_ > 0) {
    if (says_stop(is_cancelled)) return false;
    opened_.wait_for(mutex_, kCancellationStep, [this]() REQUIRES(mutex_) { return closed_by_ == 0; });
  }
  return !says_stop(is_cancelled);
}

bool RequestGate::pause(std::chrono::milliseconds time, Pause pause, const IsCancelled& is_cancelled) {
  const MutexLock lock(mutex_);
  if (pause == Pause::kAllThreads) ++closed_by_;
  while (time.count() > 0 && !says_stop(is_cancelled)) {
    const auto step = std::min(time, kCancellationStep);
    opened_.wait_for(mutex_, step, [] { return false; });
    time -= step;
  }
  if (pause == Pause::kAllThreads && --closed_by_ == 0) opened_.notify_all();
  return !says_stop(is_cancelled);
}

}  // namespace templar
