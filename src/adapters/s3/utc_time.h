// Times as S3 servers write them.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"

namespace templar {

// 2026-11-28T17:51:46.123Z, with or without a fraction (RFC 3339 in UTC); nullopt if it is none.
[[nodiscard]] std::optional<TimestampMs> parse_utc_time(std::string_view text);

// Sat, 28 Nov 2026 17:51:46 GMT, as in HTTP's headers (RFC 9110); nullopt if it is none.
[[nodiscard]] std::optional<TimestampMs> parse_http_date(std::string_view text);

}  // namespace templar
