#include "base/log/log_levels.h"

#include <optional>

#include <fmt/format.h>

namespace templar {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t";
  const size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

std::optional<LogLevel> level_named(std::string_view name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warn" || name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  return std::nullopt;
}

Status add_part(LogLevels& levels, std::string_view part, bool& has_lowest) {
  const size_t sign = part.find('=');
  const std::string_view room = trimmed(part.substr(0, sign == std::string_view::npos ? 0 : sign));
  const std::string_view name = trimmed(sign == std::string_view::npos ? part : part.substr(sign + 1));
  const std::optional<LogLevel> level = level_named(name);
  if (!level) {
    return fatal_error(
        fmt::format("log level '{}': '{}' is no level; there are debug, info, warn and error", part, name));
  }
  if (sign == std::string_view::npos) {
    if (std::exchange(has_lowest, true))
      return fatal_error(fmt::format("log level '{}': the level of all rooms is given twice", part));
    levels.lowest = *level;
    return {};
  }
  if (room.empty())
    return fatal_error(
        fmt::format("log level '{}': no room before '='; write ROOM=LEVEL, or LEVEL alone", part));
  if (!levels.rooms.emplace(room, *level).second) {
    return fatal_error(fmt::format("log level '{}': the room '{}' is given twice", part, room));
  }
  return {};
}

}  // namespace

Result<LogLevels> parse_log_levels(std::string_view text) {
  LogLevels levels;
  bool has_lowest = false;
  for (std::string_view rest = text;;) {
    const size_t comma = rest.find(',');
    const std::string_view part = trimmed(rest.substr(0, comma));
    if (part.empty()) {
      return fatal_error(
          fmt::format("log levels '{}': a part is empty; write for example info,gather=debug", text));
    }
    TRY(add_part(levels, part, has_lowest));
    if (comma == std::string_view::npos) return levels;
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace templar
