#include "base/log/log_event.h"

#include <array>

namespace templar {

std::string_view name_of(LogLevel level) {
  static constexpr std::array<std::string_view, kLogLevels> kNames = {"debug", "info", "warning", "error"};
  return kNames[static_cast<size_t>(level)];
}

}  // namespace templar
