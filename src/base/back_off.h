// Trying again: when, and how often. It never sleeps and asks no clock: who waits is the caller.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/random.h"
#include "base/result.h"

namespace templar {

// The first pause is about first_pause, each further one twice as long, none longer than longest_pause.
struct RetryRule {
  // Both 0: the next attempt follows at once. Both the same: all pauses are equal.
  std::chrono::milliseconds first_pause{0};
  std::chrono::milliseconds longest_pause{0};
  // Further attempts after the first failure in a row; nullopt: for as long as it takes.
  std::optional<int> most_retries;
  // Each pause is then multiplied by a random factor from 0.5 to 1.5 that follows from this seed, so that
  // processes with other seeds do not all come back at once. nullopt: the pauses are exact.
  std::optional<uint64_t> jitter_seed;
};

// Counts failures in a row. Not thread-safe.
class BackOff {
 public:
  explicit BackOff(const RetryRule& rule) : rule_(rule), jitter_(rule.jitter_seed.value_or(0), "retry") {}

  // Counts a failure; returns how long to wait before the next attempt.
  std::chrono::milliseconds next_pause();
  void succeed() { failures_ = 0; }
  [[nodiscard]] bool failing() const { return failures_ > 0; }
  // Whether the rule allows no attempt after one more failure.
  [[nodiscard]] bool exhausted() const { return rule_.most_retries && failures_ >= *rule_.most_retries; }

 private:
  RetryRule rule_;
  Random jitter_;
  int failures_ = 0;  // in a row
};

// Makes the call, a function without arguments that returns a Result, again and again while it fails with an
// error of that kind and the rule allows it. Before each further attempt sleep(pause) is called. Returns the
// last result.
template <typename Call, typename Sleep>
[[nodiscard]] auto retry(const RetryRule& rule, ErrorKind kind, const Call& call, const Sleep& sleep) {
  BackOff back_off(rule);
  auto result = call();
  while (!result && result.error().kind == kind && !back_off.exhausted()) {
    sleep(back_off.next_pause());
    result = call();
  }
  return result;
}

// The same without pauses: for failures that pass at once, or not soon enough to wait for.
template <typename Call>
[[nodiscard]] auto retry_at_once(int most_retries, ErrorKind kind, const Call& call) {
  return retry({.most_retries = most_retries}, kind, call, [](std::chrono::milliseconds) {});
}

}  // namespace templar
