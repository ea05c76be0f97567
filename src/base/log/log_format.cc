#include "base/log/log_format.h"

#include <cmath>
#include <ctime>
#include <set>

#include <fmt/format.h>

#include "base/utf8.h"

namespace templar {
namespace {

std::string utc_time(TimestampMs time_ms) {
  const auto seconds = static_cast<std::time_t>(time_ms >= 0 ? time_ms / 1000 : (time_ms - 999) / 1000);
  std::tm utc{};
  if (gmtime_r(&seconds, &utc) == nullptr) return fmt::format("{}ms", time_ms);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     time_ms - static_cast<TimestampMs>(seconds) * 1000);
}

void append_log_text(std::string& json, std::string_view text) {
  json += '"';
  while (!text.empty()) {
    const size_t size = utf8_character_size(text);
    const auto byte = static_cast<unsigned char>(text.front());
    if (size == 0) {
      json += "\\ufffd";
    } else if (byte == '"' || byte == '\\') {
      json += {'\\', text.front()};
    } else if (byte == '\n') {
      json += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      json += fmt::format("\\u{:04x}", byte);
    } else {
      json += text.substr(0, size);
    }
    text.remove_prefix(std::max<size_t>(size, 1));
  }
  json += '"';
}

void append_json_value(std::string& json, const LogField& field) {
  if (const auto* text = std::get_if<std::string>(&field.value)) {
    append_log_text(json, *text);
  } else if (const auto* number = std::get_if<double>(&field.value)) {
    json += std::isfinite(*number) ? fmt::format("{}", *number) : "null";
  } else {
    json += fmt::format("{}", std::get<int64_t>(field.value));
  }
}

std::string without_control_characters(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      clean += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      clean += fmt::format("\\x{:02x}", byte);
    } else {
      clean += c;
    }
  }
  return clean;
}

}  // namespace

Result<LogFormat> parse_log_format(std::string_view text) {
  if (text == "text") return LogFormat::kText;
  if (text == "json") return LogFormat::kJson;
  return fatal_error(fmt::format("log format '{}': it is text or json", text));
}

std::string format_log_event(const LogEvent& event) {
  std::string line = event.room + ": " + event.message;
  for (const LogField& field : event.fields) {
    line += ' ' + field.name + '=';
    std::visit([&line](const auto& value) { line += fmt::format("{}", value); }, field.value);
  }
  return without_control_characters(line);
}

std::string text_log_line(const LogEvent& event) {
  return fmt::format("{} {} {}", utc_time(event.time_ms), "DIWE"[static_cast<size_t>(event.level)],
                     format_log_event(event));
}

std::string json_log_line(const LogEvent& event) {
  std::string json =
      fmt::format(R"({{"time":"{}","level":"{}","room":)", utc_time(event.time_ms), name_of(event.level));
  append_log_text(json, event.room);
  json += R"(,"message":)";
  append_log_text(json, event.message);
  json += R"(,"fields":{)";
  std::set<std::string_view> names;
  for (const LogField& field : event.fields) {
    if (!names.insert(field.name).second) continue;
    if (names.size() > 1) json += ',';
    append_log_text(json, field.name);
    json += ':';
    append_json_value(json, field);
  }
  return json + "}}";
}

std::string log_line(const LogEvent& event, LogFormat format) {
  return format == LogFormat::kJson ? json_log_line(event) : text_log_line(event);
}

}  // namespace templar
