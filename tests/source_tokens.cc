#include "source_tokens.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace templar::testing {
namespace {

class CodeReader {
 public:
  CodeReader(std::string_view text, bool keep_literals)
      : text_(text), code_(text), keep_literals_(keep_literals) {}

  std::string read() {
    while (at_ < text_.size()) {
      if (starts("//")) {
        blank_until(end_of("\n", 0), true);
      } else if (starts("/*")) {
        blank_until(end_of("*/", 2), true);
      } else if (starts("R\"") && !follows_word()) {
        skip_raw_literal();
      } else if (text_[at_] == '"' || (text_[at_] == '\'' && !follows_word())) {
        skip_literal(text_[at_]);
      } else {
        ++at_;
      }
    }
    return std::move(code_);
  }

  // Where raw literals stand in the text, from their first quote to their last. After read().
  [[nodiscard]] const std::vector<std::pair<size_t, size_t>>& raw_literals() const { return raw_literals_; }

 private:
  bool starts(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  bool follows_word() const { return at_ > 0 && is_word_character(text_[at_ - 1]); }
  size_t end_of(std::string_view mark, size_t and_then) const {
    const size_t found = text_.find(mark, at_);
    return found == std::string_view::npos ? text_.size() : found + and_then;
  }
  void blank_until(size_t end, bool blank) {
    for (; at_ < std::min(end, text_.size()); ++at_) {
      if (blank && text_[at_] != '\n') code_[at_] = ' ';
    }
  }
  void skip_literal(char quote) {
    size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != quote && text_[end] != '\n') end += text_[end] == '\\' ? 2 : 1;
    ++at_;
    blank_until(end, !keep_literals_);
    ++at_;
  }
  void skip_raw_literal() {
    const size_t open = text_.find('(', at_);
    if (open == std::string_view::npos) return blank_until(text_.size(), true);
    const std::string close = ")" + std::string(text_.substr(at_ + 2, open - at_ - 2)) + "\"";
    at_ = open;
    const size_t end = end_of(close, close.size());
    raw_literals_.emplace_back(at_, end);
    blank_until(end, !keep_literals_);
  }

  std::string_view text_;
  std::string code_;
  bool keep_literals_;
  std::vector<std::pair<size_t, size_t>> raw_literals_;
  size_t at_ = 0;
};

}  // namespace

bool is_word_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

std::string code_of(std::string_view text, bool keep_literals) {
  return CodeReader(text, keep_literals).read();
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::set<size_t> raw_literal_lines_of(std::string_view text) {
  CodeReader reader(text, /*keep_literals=*/true);
  static_cast<void>(reader.read());
  std::set<size_t> lines;
  for (const auto& [begin, end] : reader.raw_literals()) {
    const auto first = static_cast<size_t>(std::ranges::count(text.substr(0, begin), '\n')) + 1;
    const auto last = first + static_cast<size_t>(std::ranges::count(text.substr(begin, end - begin), '\n'));
    for (size_t line = first; line <= last; ++line) lines.insert(line);
  }
  return lines;
}

std::vector<Token> tokens_of(std::string_view text) {
  const std::string code = code_of(text, /*keep_literals=*/false);
  std::vector<Token> tokens;
  size_t line = 1;
  for (size_t i = 0; i < code.size();) {
    size_t end = i + 1;
    if (is_word_character(code[i])) {
      while (end < code.size() && is_word_character(code[end])) ++end;
    }
    if (code[i] == '\n') ++line;
    if (!std::isspace(static_cast<unsigned char>(code[i]))) tokens.push_back({line, code.substr(i, end - i)});
    i = end;
  }
  return tokens;
}

}  // namespace templar::testing
