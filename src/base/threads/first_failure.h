// Errors of jobs that several threads work on: the one of the lowest job counts.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/result.h"
#include "base/threads/mutex.h"

namespace templar {

// Thread-safe.
class FirstFailure {
 public:
  void note(uint64_t job, Error error) {
    const MutexLock lock(mutex_);
    if (error_ && job >= failed_) return;
    failed_ = job;
    error_ = std::move(error);
  }
  // Whether an earlier job has failed: then the outcome of this one does not count.
  [[nodiscard]] bool before(uint64_t job) const { return failed_ < job; }
  [[nodiscard]] Status status() const {
    const MutexLock lock(mutex_);
    if (error_) return std::unexpected(*error_);
    return {};
  }

 private:
  mutable Mutex mutex_;
  std::atomic<uint64_t> failed_ = UINT64_MAX;  // the lowest that has
  std::optional<Error> error_ GUARDED_BY(mutex_);
};

}  // namespace templar
