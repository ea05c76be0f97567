// How long to wait before a server that failed is tried again.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/random.h"

namespace templar {

// After the first failure in a row about `first`, after each further one twice as long, at most about
// `longest`; each pause times a random factor from 0.5 to 1.5 that follows from the seed, so that processes
// with other seeds do not all come back at once.
class BackOff {
 public:
  BackOff(std::chrono::milliseconds first, std::chrono::milliseconds longest, uint64_t seed)
      : first_(first), longest_(longest), jitter_(seed, "retry") {}

  // Counts a failure.
  [[nodiscard]] std::chrono::milliseconds next_pause();
  void succeed() { failures_ = 0; }
  [[nodiscard]] bool failing() const { return failures_ > 0; }

 private:
  const std::chrono::milliseconds first_, longest_;
  Random jitter_;
  int failures_ = 0;  // in a row
};

}  // namespace templar
