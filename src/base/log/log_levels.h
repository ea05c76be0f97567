// Levels of the log as a person writes them.
#pragma once

#include <string_view>

#include "base/log/log.h"
#include "base/result.h"

namespace templar {

// Levels by room, with commas: "info,gather=debug,miner=warn" keeps info and above of all rooms but two.
// Levels are debug, info, warn or warning, and error; spaces around a part don't count. At most one part
// names no room; without it the lowest level is info. Anything else is fatal, and the message names the part.
[[nodiscard]] Result<LogLevels> parse_log_levels(std::string_view text);

}  // namespace templar
