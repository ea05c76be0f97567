#include "adapters/tokenizers/oniguruma_pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "adapters/tokenizers/new_characters.h"

namespace templar {
namespace {

// As members of a class in brackets.
constexpr std::string_view kSpace = R"(\t-\r\x{20}\x{85}\p{Z})";
// Letters, marks, decimal and letter numbers, connectors, symbols that Unicode calls alphabetic, and the
// superscripts and fractions of Latin-1.
constexpr std::string_view kWord =
    R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE}\x{24B6}-\x{24E9}\x{1F130}-\x{1F149})"
    R"(\x{1F150}-\x{1F169}\x{1F170}-\x{1F189})";

bool is_ascii_letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

class Translation {
 public:
  explicit Translation(std::string_view pattern) : rest_(pattern), size_(pattern.size()) {}

  [[nodiscard]] Result<std::string> run() {
    while (!rest_.empty()) TRY(in_class_ ? member() : outside());
    if (in_class_) return refuse("a [ without its ]");
    return std::move(out_);
  }

 private:
  [[nodiscard]] std::unexpected<Error> refuse(std::string_view what) const {
    return fatal_error(fmt::format("{} (at byte {}) is not known here", what, size_ - rest_.size()));
  }

  void copy(size_t bytes) {
    out_ += rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
  }

  [[nodiscard]] Status outside() {
    switch (rest_.front()) {
      case '\\':
        return escape();
      case '[':
        in_class_ = true;
        copy(1);
        if (rest_.starts_with('^')) copy(1);
        is_first_ = true;
        return {};
      case '(':
        return group();
      case '{':
        // No number is 0 for Oniguruma, and no repetition at all for PCRE2.
        if (rest_.starts_with("{,")) return refuse("{,");
        copy(1);
        return {};
      case '}':
        // Oniguruma repeats the repetition; PCRE2 gives nothing back.
        if (rest_.starts_with("}+")) return refuse("}+");
        // And what may be left out for Oniguruma is only not greedy for PCRE2.
        if (rest_.starts_with("}?") &&
            out_.find(',', std::min(out_.rfind('{'), out_.size())) == std::string::npos)
          return refuse("}? after a number");
        copy(1);
        return {};
      default:
        copy(1);
        return {};
    }
  }

  // Letters of options mean other things, but for i, and x alike.
  [[nodiscard]] Status group() {
    copy(1);
    if (!rest_.starts_with('?')) {
      if (rest_.starts_with('*')) return refuse("(*");
      return {};
    }
    for (const std::string_view start : {"?:", "?=", "?!", "?<=", "?<!", "?>"}) {
      if (!rest_.starts_with(start)) continue;
      copy(start.size());
      return {};
    }
    size_t end = 1;
    while (end < rest_.size() && (rest_[end] == 'i' || rest_[end] == 'x' || rest_[end] == '-')) ++end;
    if (end == 1 || end == rest_.size() || (rest_[end] != ':' && rest_[end] != ')'))
      return refuse("(" + std::string(rest_.substr(0, 3)));
    if (rest_[end] == ')') return refuse("an option without a colon");
    copy(end + 1);
    return {};
  }

  [[nodiscard]] Status member() {
    const bool is_first = std::exchange(is_first_, false);
    if (rest_.front() == ']') {
      if (is_first) return refuse("[]");
      in_class_ = false;
      copy(1);
      return {};
    }
    if (rest_.front() == '[') return refuse("[ within [ ]");
    if (rest_.starts_with("&&")) return refuse("&& within [ ]");
    if (rest_.front() == '\\') return escape();
    copy(1);
    return {};
  }

  // Outside of brackets a class gets its own.
  void put_class(std::string_view members, bool negated) {
    if (in_class_) {
      out_ += members;
    } else {
      out_ += fmt::format("[{}{}]", negated ? "^" : "", members);
    }
  }

  [[nodiscard]] Status escape() {
    if (rest_.size() < 2) return refuse("a \\ at the end");
    const char letter = rest_[1];
    switch (letter) {
      case 's':
      case 'S':
      case 'w':
      case 'W':
      case 'd':
      case 'D':
        return shorthand(letter);
      case 'p':
      case 'P':
        return property(letter == 'P');
      case 'u':
        return code_point();
      case 'x':
      case 'r':
      case 'n':
      case 't':
      case 'f':
        copy(2);
        return {};
      case 'v':
        out_ += R"(\x{0B})";
        rest_.remove_prefix(2);
        return {};
      default:
        if (is_ascii_letter_or_digit(letter)) return refuse(fmt::format("\\{}", letter));
        copy(2);
        return {};
    }
  }

  [[nodiscard]] Status shorthand(char letter) {
    const bool negated = letter == 'S' || letter == 'W' || letter == 'D';
    if (negated && in_class_) return refuse(fmt::format("\\{} within [ ]", letter));
    rest_.remove_prefix(2);
    if (letter == 's' || letter == 'S') {
      put_class(kSpace, negated);
    } else if (letter == 'w' || letter == 'W') {
      put_class(std::string(kWord) + new_characters("L") + new_characters("M") + new_characters("Nd") +
                    new_characters("Nl") + new_characters("Pc"),
                negated);
    } else {
      put_class(R"(\p{Nd})" + new_characters("Nd"), negated);
    }
    return {};
  }

  // \p{L}, \p{^L}, \pL and, negated, with a capital P.
  [[nodiscard]] Status property(bool negated) {
    std::string_view name;
    size_t size = 3;
    if (rest_.size() > 2 && rest_[2] == '{') {
      const size_t end = rest_.find('}');
      if (end == std::string_view::npos) return refuse("\\p{ without its }");
      name = rest_.substr(3, end - 3);
      size = end + 1;
    } else {
      return refuse("\\p without {");
    }
    if (name.starts_with('^')) {
      negated = !negated;
      name.remove_prefix(1);
    }
    const std::string added = new_characters(name);
    if (negated && in_class_ && !added.empty()) return refuse("a \\P within [ ]");
    rest_.remove_prefix(size);
    if (negated && in_class_) {
      out_ += fmt::format("\\P{{{}}}", name);
    } else {
      put_class(fmt::format("\\p{{{}}}", name) + added, negated);
    }
    return {};
  }

  // \u0041.
  [[nodiscard]] Status code_point() {
    const std::string_view digits = rest_.substr(2, 4);
    if (digits.size() != 4 || digits.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos)
      return refuse("\\u without four digits");
    out_ += fmt::format("\\x{{{}}}", digits);
    rest_.remove_prefix(6);
    return {};
  }

  std::string_view rest_;
  size_t size_;
  std::string out_;
  bool in_class_ = false;
  bool is_first_ = false;  // nothing of the class has been read
};

}  // namespace

Result<std::string> translate_oniguruma(std::string_view pattern) {
  return Translation(pattern).run();
}

}  // namespace templar
