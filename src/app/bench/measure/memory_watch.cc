#include "app/bench/measure/memory_watch.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>

namespace templar {

int64_t own_memory_bytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word != "RssAnon:") continue;
    int64_t kibibytes = 0;
    status >> kibibytes;
    return kibibytes << 10;
  }
  return 0;
}

int64_t MemoryWatch::stop() {
  if (thread_.joinable()) {
    stop_ = true;
    thread_.join();
  }
  return peak_bytes_;
}

void MemoryWatch::watch() {
  while (!stop_) {
    peak_bytes_ = std::max(peak_bytes_, own_memory_bytes());
    std::this_thread::sleep_for(std::chrono::microseconds(500));
  }
}

}  // namespace templar
