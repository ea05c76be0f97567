#include "app/terminal/progress_line.h"
#include "app/terminal/tell.h"
#include "app/terminal/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

namespace templar {
namespace {

constexpr double kQuietSeconds = 2.0;
constexpr double kTerminalSeconds = 0.1;
constexpr double kLineSeconds = 5.0;

}  // namespace

std::string human_bytes(uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (bytes < 1000) return fmt::format("{} bytes", bytes);
  if (value < 1e6) return fmt::format("{:.1f} kB", value / 1e3);
  return value < 1e9 ? fmt::format("{:.1f} MB", value / 1e6) : fmt::format("{:.2f} GB", value / 1e9);
}

ProgressLine::ProgressLine() : next_seconds_(kQuietSeconds), redraws_(terminal_at(STDERR_FILENO).redraws) {}

ProgressLine::~ProgressLine() {
  if (redraws_ && shown_) tell("\r\x1b[K");
}

void ProgressLine::show(const std::function<std::string()>& text) {
  if (watch_.seconds() < next_seconds_) return;
  next_seconds_ = watch_.seconds() + (redraws_ ? kTerminalSeconds : kLineSeconds);
  shown_ = true;
  if (redraws_) {
    tell(fmt::format("\r{}\x1b[K", text()));
  } else {
    tell(fmt::format("{}\n", text()));
  }
}

}  // namespace templar
