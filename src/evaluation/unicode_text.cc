#include "evaluation/unicode_text.h"

#include <clocale>
#include <cwctype>

namespace templar {
namespace {

constexpr bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0U) == 0x80;
}

struct CodePoint {
  char32_t value = 0;
  size_t bytes = 0;
};

// The one that begins at `at`.
CodePoint code_point_at(std::string_view text, size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  CodePoint point{lead, 1};
  if (lead >= 0xc0) point.value = lead & (lead >= 0xf0 ? 0x07U : lead >= 0xe0 ? 0x0fU : 0x1fU);
  while (at + point.bytes < text.size() && is_continuation(text[at + point.bytes])) {
    point.value = (point.value << 6) | (static_cast<unsigned char>(text[at + point.bytes]) & 0x3fU);
    ++point.bytes;
  }
  return point;
}

void append(std::string& text, char32_t point) {
  const auto tail = [&](unsigned shift) { text += static_cast<char>(0x80U | ((point >> shift) & 0x3fU)); };
  if (point < 0x80) {
    text += static_cast<char>(point);
  } else if (point < 0x800) {
    text += static_cast<char>(0xc0U | (point >> 6));
    tail(0);
  } else if (point < 0x10000) {
    text += static_cast<char>(0xe0U | (point >> 12));
    tail(6);
    tail(0);
  } else {
    text += static_cast<char>(0xf0U | (point >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

// Python's str.isspace().
constexpr bool is_space(char32_t point) {
  return (point >= 0x09 && point <= 0x0d) || (point >= 0x1c && point <= 0x20) || point == 0x85 ||
         point == 0xa0 || point == 0x1680 || (point >= 0x2000 && point <= 0x200a) || point == 0x2028 ||
         point == 0x2029 || point == 0x202f || point == 0x205f || point == 0x3000;
}

// Unicode's case mappings, which the C library has built in, whatever locale the process is in.
locale_t unicode_locale() {
  static const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", static_cast<locale_t>(nullptr));
  return locale;
}

char32_t in_case(char32_t point, bool upper) {
  if (point < 0x80) {
    if (upper) return point >= 'a' && point <= 'z' ? point - 32 : point;
    return point >= 'A' && point <= 'Z' ? point + 32 : point;
  }
  if (unicode_locale() == nullptr) return point;
  const auto wide = static_cast<std::wint_t>(point);
  return static_cast<char32_t>(upper ? towupper_l(wide, unicode_locale())
                                     : towlower_l(wide, unicode_locale()));
}

}  // namespace

int64_t code_points(std::string_view text) {
  int64_t count = 0;
  for (const char byte : text) count += is_continuation(byte) ? 0 : 1;
  return count;
}

std::string_view stripped_right(std::string_view text) {
  while (!text.empty()) {
    size_t last = text.size() - 1;
    while (last > 0 && is_continuation(text[last])) --last;
    if (!is_space(code_point_at(text, last).value)) break;
    text = text.substr(0, last);
  }
  return text;
}

std::string_view stripped(std::string_view text) {
  while (!text.empty()) {
    const CodePoint first = code_point_at(text, 0);
    if (!is_space(first.value)) break;
    text.remove_prefix(first.bytes);
  }
  return stripped_right(text);
}

std::string capitalised(std::string_view text) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    append(result, in_case(point.value, at == 0));
    at += point.bytes;
  }
  return result;
}

std::string replaced(std::string_view text, std::string_view what, std::string_view by) {
  std::string result;
  for (size_t begin = 0;;) {
    const size_t found = text.find(what, begin);
    result += text.substr(begin, found - begin);
    if (found == std::string_view::npos) return result;
    result += by;
    begin = found + what.size();
  }
}

}  // namespace templar
