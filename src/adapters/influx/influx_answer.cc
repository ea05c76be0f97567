#include "adapters/influx/influx_answer.h"

#include <charconv>

#include "base/json/json.h"

namespace templar {
namespace {

constexpr size_t kMaxMessage = 300;

std::string on_one_line(std::string_view text) {
  std::string line;
  for (const char c : text.substr(0, kMaxMessage))
    line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  if (text.size() > kMaxMessage) {
    // Not within a character.
    while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0xc0) == 0x80) line.pop_back();
    if (!line.empty() && static_cast<unsigned char>(line.back()) >= 0x80) line.pop_back();
    line += " ...";
  }
  while (line.ends_with(' ')) line.pop_back();
  return line;
}

}  // namespace

std::string server_message(std::string_view body) {
  if (const auto json = parse_json(body)) {
    for (const char* name : {"error", "message"}) {
      const Json* found = json->find(name);
      if (found != nullptr && found->text() != nullptr) return on_one_line(*found->text());
    }
  }
  return on_one_line(body);
}

std::optional<uint64_t> partial_write_dropped(std::string_view message) {
  constexpr std::string_view kDropped = "dropped=";
  if (!message.starts_with("partial write")) return std::nullopt;
  const size_t found = message.rfind(kDropped);
  if (found == std::string_view::npos) return std::nullopt;
  const std::string_view digits = message.substr(found + kDropped.size());
  uint64_t dropped = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), dropped);
  if (read.ec != std::errc()) return std::nullopt;
  return dropped;
}

}  // namespace templar
