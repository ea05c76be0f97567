// A budget of threads, as a fixed team that works on one job at a time.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace templar {

// A team of one works on the calling thread alone. Not thread-safe: one caller at a time.
class ThreadTeam {
 public:
  // Throws std::system_error where the system gives no so many threads; none is left behind then.
  explicit ThreadTeam(int threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  [[nodiscard]] int threads() const { return threads_; }

  // Calls work(member) once for each member in [0, threads()), all at once, and returns when all have
  // returned.
  void run(const std::function<void(int member)>& work);

  // Calls work(begin, end) for ranges that cut [0, count) into at most threads() even parts, each but the
  // last a multiple of grain. What is computed for an item must not depend on the cut.
  void for_ranges(size_t count, size_t grain, const std::function<void(size_t begin, size_t end)>& work);

 private:
  struct Shared;
  void start();

  int threads_;
  std::unique_ptr<Shared> shared_;
};

}  // namespace templar
