// An event as a line of text or of JSON.
#pragma once

#include <string>

#include "base/log/log_event.h"
#include "base/result.h"

namespace templar {

enum class LogFormat { kText, kJson };

// "text" or "json"; anything else is fatal.
[[nodiscard]] Result<LogFormat> parse_log_format(std::string_view text);

// "room: message name=value ...", as text sinks print it. One line: control characters, which could forge
// lines or command a terminal, as \n or \xNN.
[[nodiscard]] std::string format_log_event(const LogEvent& event);

// "2026-11-25T15:30:32.123Z W miner: message name=value ...", without a newline.
[[nodiscard]] std::string text_log_line(const LogEvent& event);

// {"time":"2026-11-25T15:30:32.123Z","level":"warning","room":"miner","message":"...","fields":{"uid":3}},
// without a newline. Always JSON: what is no UTF-8 becomes U+FFFD, numbers that are not finite become null,
// of two fields with one name the first counts.
[[nodiscard]] std::string json_log_line(const LogEvent& event);

[[nodiscard]] std::string log_line(const LogEvent& event, LogFormat format);

}  // namespace templar
