// What an engine holds once it is made, counted before anything is allocated.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"

namespace templar {

struct MemoryEntry {
  std::string what;
  int64_t bytes = 0;
};

struct EngineMemory {
  std::vector<MemoryEntry> entries;

  // Nothing is added for 0 bytes.
  void add(std::string what, int64_t bytes);
  [[nodiscard]] int64_t total() const;
  // One line an entry and one for the sum, in GiB; for people.
  [[nodiscard]] std::string text() const;
  // Fails (fatal) if that is less than the total; `available` says whose it is: "the machine has".
  [[nodiscard]] Status check_fits(int64_t available_bytes, std::string_view available,
                                  const EngineOptions& options) const;
};

}  // namespace templar
