// Errors of jobs that several threads work on: the one of the lowest job counts.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>

#include "base/result.h"

namespace templar {

// Thread-safe.
class FirstFailure {
 public:
  void note(uint64_t job, Error error) {
    const std::scoped_lock lock(mutex_);
    failed_ = true;
    if (!error_ || job < job_) {
      job_ = job;
      error_ = std::move(error);
    }
  }
  // Whether there is no use in going on.
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] Status status() const {
    const std::scoped_lock lock(mutex_);
    if (error_) return std::unexpected(*error_);
    return {};
  }

 private:
  mutable std::mutex mutex_;
  std::atomic<bool> failed_ = false;
  uint64_t job_ = 0;             // guarded by mutex_
  std::optional<Error> error_;  // guarded by mutex_
};

}  // namespace templar
