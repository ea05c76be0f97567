// What a simulated network did, and what was done to it: counted always, told line by line where somebody
// listens.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "sim/faults/fault_kind.h"

namespace templar {

// One thread at a time. The clock must outlive it.
class FaultLog {
 public:
  using Listener = std::function<void(std::string_view line)>;
  FaultLog(const Clock& clock, Listener listener) : clock_(clock), listener_(std::move(listener)) {}

  // "      12.345 NAME: WHAT", the time in seconds.
  template <typename... Arguments>
  void tell(std::string_view name, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    if (listener_) write(name, fmt::vformat(format, fmt::make_format_args(arguments...)));
  }
  // Counts a fault, and tells it: "NAME: [KIND] WHAT".
  template <typename... Arguments>
  void inject(FaultKind kind, std::string_view name, fmt::format_string<Arguments...> format,
              Arguments&&... arguments) {
    ++counts_[static_cast<size_t>(kind)];
    if (!listener_) return;
    write(name,
          fmt::format("[{}] {}", name_of(kind), fmt::vformat(format, fmt::make_format_args(arguments...))));
  }

  [[nodiscard]] bool is_heard() const { return listener_ != nullptr; }
  [[nodiscard]] const FaultCounts& counts() const { return counts_; }

 private:
  void write(std::string_view name, std::string_view what) const {
    listener_(fmt::format("{:12.3f} {}: {}", static_cast<double>(clock_.now_ms()) / 1000, name, what));
  }

  const Clock& clock_;
  const Listener listener_;
  FaultCounts counts_{};
};

}  // namespace templar
