#include "app/terminal/printable.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>

namespace templar {
namespace {

// The length of the well-formed UTF-8 character that the text begins with; 0 if there is none (Unicode, table
// 3-7).
size_t character_length(std::string_view text) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = at(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xc2 && lead < 0xe0   ? 2
                        : lead >= 0xe0 && lead < 0xf0 ? 3
                        : lead >= 0xf0 && lead < 0xf5 ? 4
                                                      : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (lead == 0xe0 && at(1) < 0xa0) || (lead == 0xf0 && at(1) < 0x90);
  const bool surrogate = lead == 0xed && at(1) > 0x9f;
  const bool too_large = lead == 0xf4 && at(1) > 0x8f;
  return overlong || surrogate || too_large ? 0 : length;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const size_t length = character_length(text);
    const auto first = static_cast<uint8_t>(text[0]);
    const bool is_control = (first < 0x20 && first != '\n' && first != '\t') || first == 0x7f;
    const bool is_c1_control = length == 2 && first == 0xc2 && static_cast<uint8_t>(text[1]) < 0xa0;
    if (length == 0) {
      shown += "\xef\xbf\xbd";
    } else if (is_control || is_c1_control) {
      shown += fmt::format("\\x{:02x}", is_control ? first : static_cast<uint8_t>(text[1]));
    } else {
      shown += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return shown;
}

}  // namespace templar
