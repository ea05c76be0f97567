#include "adapters/influx/line_protocol.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

#include "base/utf8.h"

namespace templar {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// Calls ascii(char) for each ASCII character; the others are appended, wrong bytes replaced.
template <typename Ascii>
void append_text(std::string& out, std::string_view text, const Ascii& ascii) {
  for (size_t i = 0; i < text.size();) {
    const size_t length = utf8_character_size(text.substr(i));
    if (length == 0) {
      out += kReplacement;
    } else if (length == 1) {
      ascii(text[i]);
    } else {
      out += text.substr(i, length);
    }
    i += std::max<size_t>(length, 1);
  }
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

enum class Place { kMeasurement, kKeyOrTag };

// Servers differ in what backslashes before a character that has to be escaped, or before the end, mean.
void avoid_backslashes(std::string& out, size_t start) {
  for (size_t i = out.size(); i > start && out[i - 1] == '\\'; --i) out[i - 1] = '/';
}

// What takes the place of a character that no name can hold; "" for the others.
std::string_view visible(char c) {
  switch (c) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\0':
      return "\\0";
    default:
      return "";
  }
}

void append_name(std::string& out, std::string_view name, Place place) {
  if (std::ranges::all_of(name, is_word)) {
    out += name;
    return;
  }
  const size_t start = out.size();
  append_text(out, name, [&](char c) {
    if (!visible(c).empty()) {
      out += visible(c);
      return;
    }
    const bool escapes = c == ',' || c == ' ' || (c == '=' && place == Place::kKeyOrTag);
    if (escapes || c == '=' || c == '"') avoid_backslashes(out, start);
    if (escapes) out += '\\';
    out += c;
  });
  avoid_backslashes(out, start);
}

void append_key(std::string& out, std::string_view key) {
  append_name(out, key, Place::kKeyOrTag);
  if (key == "time") out += '_';
}

void append_string_field(std::string& out, std::string_view text) {
  out += '"';
  append_text(out, text, [&](char c) {
    if (c == '\0') {
      out += "\\\\0";
      return;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  });
  out += '"';
}

template <typename Number>
void append_number(std::string& out, Number number) {
  std::array<char, 32> digits;
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

void append_line_value(std::string& out, const MetricValue& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) {
    append_number(out, *integer);
    out += 'i';
  } else if (const auto* number = std::get_if<double>(&value)) {
    append_number(out, *number);
  } else {
    append_string_field(out, std::get<std::string>(value));
  }
}

bool is_writable(const std::string& name, const MetricValue& value) {
  const auto* number = std::get_if<double>(&value);
  return !name.empty() && (number == nullptr || std::isfinite(*number));
}

}  // namespace

bool append_line_protocol(std::string& out, const Measurement& measurement, LineFaults& faults) {
  faults.no_field = true;
  faults.fields.clear();
  for (const auto& [name, value] : measurement.fields) {
    if (is_writable(name, value)) {
      faults.no_field = false;
    } else {
      faults.fields.push_back(name);
    }
  }
  if (measurement.name.empty() || faults.no_field) return false;
  if (measurement.name.front() == '#') out += '\\';
  append_name(out, measurement.name, Place::kMeasurement);
  for (const auto& [key, value] : measurement.tags) {
    if (key.empty() || value.empty()) continue;
    out += ',';
    append_key(out, key);
    out += '=';
    append_name(out, value, Place::kKeyOrTag);
  }
  char separator = ' ';
  for (const auto& [key, value] : measurement.fields) {
    if (!is_writable(key, value)) continue;
    out += separator;
    separator = ',';
    append_key(out, key);
    out += '=';
    append_line_value(out, value);
  }
  out += ' ';
  append_number(out, measurement.time_ns);
  out += '\n';
  return true;
}

std::vector<size_t> line_ends(std::string_view lines) {
  std::vector<size_t> ends;
  bool in_fields = false;
  bool in_text = false;
  for (size_t i = 0; i < lines.size(); ++i) {
    const char c = lines[i];
    if (c == '\\') {
      ++i;
    } else if (in_text) {
      in_text = c != '"';
    } else if (c == '\n') {
      ends.push_back(i + 1);
      in_fields = false;
    } else if (c == ' ') {
      in_fields = true;
    } else if (in_fields && c == '=' && i + 1 < lines.size() && lines[i + 1] == '"') {
      in_text = true;
      ++i;
    }
  }
  if (!lines.empty() && (ends.empty() || ends.back() != lines.size())) ends.push_back(lines.size());
  return ends;
}

}  // namespace templar
