// Time. Everything that needs it is handed a Clock; only base/ and app/ touch the machine's own.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace templar {

// Milliseconds since the Unix epoch.
using TimestampMs = int64_t;

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual TimestampMs now_ms() const = 0;
  // The same in nanoseconds, as finely as the clock knows it.
  [[nodiscard]] virtual int64_t now_ns() const { return now_ms() * 1'000'000; }
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] TimestampMs now_ms() const override;
  [[nodiscard]] int64_t now_ns() const override;
};

// Never jumps, whatever is done to the machine's clock. Its zero is the moment at which it was made.
class SteadyClock final : public Clock {
 public:
  SteadyClock() : start_(std::chrono::steady_clock::now()) {}
  [[nodiscard]] TimestampMs now_ms() const override;

 private:
  std::chrono::steady_clock::time_point start_;
};

// Stands still until told otherwise.
class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(TimestampMs start_ms = 0) : now_ms_(start_ms) {}
  [[nodiscard]] TimestampMs now_ms() const override { return now_ms_.load(); }
  void advance(int64_t by_ms) { now_ms_ += by_ms; }
  void set(TimestampMs now_ms) { now_ms_ = now_ms; }

 private:
  std::atomic<TimestampMs> now_ms_;
};

// Elapsed real time, for reports only: no decision may depend on it.
class Stopwatch {
 public:
  Stopwatch() : start_ms_(SystemClock().now_ms()), start_(std::chrono::steady_clock::now()) {}
  // When it was started, by the machine's clock.
  [[nodiscard]] TimestampMs start_ms() const { return start_ms_; }
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  TimestampMs start_ms_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace templar
