// Who waits for somebody else on a thread's behalf, and may lose patience with him.
#pragma once

#include <stop_token>

namespace templar {

// While it lives, what this thread waits for outside the process (an answer of a server, the pause before it
// is asked again) ends soon after the token is stopped, as a failure (retry). Of nested scopes each counts.
// Ends on the thread that made it, inner before outer. A thread that works for another is given what that one
// has: CancellationScope scope(token).
class CancellationScope {
 public:
  explicit CancellationScope(std::stop_token token);
  CancellationScope(const CancellationScope&) = delete;
  CancellationScope& operator=(const CancellationScope&) = delete;
  ~CancellationScope();

 private:
  friend bool is_thread_cancelled();

  const std::stop_token token_;
  const CancellationScope* const outer_;
};

// Whether what this thread waits for is to end. Asked again and again by those who wait.
[[nodiscard]] bool is_thread_cancelled();

}  // namespace templar
