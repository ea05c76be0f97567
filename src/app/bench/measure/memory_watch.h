// How much memory the process takes while something is done.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

namespace templar {

// The process' own memory [bytes]: what lies in files can be taken back at any time and is not counted.
[[nodiscard]] int64_t own_memory_bytes();

// Looks at it all the time while it lives.
class MemoryWatch {
 public:
  MemoryWatch() : thread_([this] { watch(); }) {}
  ~MemoryWatch() { stop(); }
  // The most that was seen [bytes].
  int64_t stop();

 private:
  void watch();

  std::atomic<bool> stop_ = false;
  int64_t peak_bytes_ = 0;  // written by the thread until it is joined
  std::thread thread_;
};

}  // namespace templar
