#include "engine/model/engine_memory.h"

#include <fmt/format.h>

#include <utility>

namespace templar {
namespace {

constexpr double kGib = 1024.0 * 1024.0 * 1024.0;

double in_gib(int64_t bytes) {
  return static_cast<double>(bytes) / kGib;
}

}  // namespace

void EngineMemory::add(std::string what, int64_t bytes) {
  if (bytes > 0) entries.push_back({std::move(what), bytes});
}

int64_t EngineMemory::total() const {
  int64_t sum = 0;
  for (const MemoryEntry& entry : entries) sum += entry.bytes;
  return sum;
}

std::string EngineMemory::text() const {
  std::string lines;
  for (const MemoryEntry& entry : entries) {
    lines += fmt::format("{:>9.3f} GiB  {}\n", in_gib(entry.bytes), entry.what);
  }
  return lines + fmt::format("{:>9.3f} GiB  in all\n", in_gib(total()));
}

Status EngineMemory::check_fits(int64_t available_bytes, std::string_view available,
                                const EngineOptions& options) const {
  if (total() <= available_bytes) return {};
  const bool trains = options.use == EngineUse::kTraining;
  return fatal_error(
      fmt::format("{} this model takes {:.1f} GiB, {} {:.1f}; a smaller micro_batch than {}{} takes less",
                  trains ? "training" : "evaluating", in_gib(total()), available, in_gib(available_bytes),
                  options.micro_batch, trains && !options.recompute_layers ? " or recomputing layers" : ""));
}

}  // namespace templar
