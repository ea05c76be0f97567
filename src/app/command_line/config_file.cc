#include "app/command_line/config_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/bytes.h"
#include "base/files/file.h"
#include "base/utf8.h"

namespace templar {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_bare(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

void append_character(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
    return;
  }
  const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;  // bytes of six bits after the first
  constexpr uint8_t kFirst[] = {0, 0xc0, 0xe0, 0xf0};
  out += static_cast<char>(kFirst[more] | (code >> (6 * more)));
  for (int i = more - 1; i >= 0; --i) out += static_cast<char>(0x80 | ((code >> (6 * i)) & 0x3f));
}

// TOML has no such characters, in comments neither.
bool is_forbidden(char c) {
  return (static_cast<uint8_t>(c) < 0x20 && c != '\t' && c != '\n') || c == 0x7f;
}

class ConfigReader {
 public:
  ConfigReader(std::string_view text, const std::string& file) : text_(text), file_(file) {
    if (text_.starts_with(kByteOrderMark)) text_.remove_prefix(kByteOrderMark.size());
  }

  Result<std::vector<ConfigEntry>> read() {
    TRY(check_characters());
    std::vector<ConfigEntry> entries;
    for (skip_empty_lines(); at_ < text_.size(); skip_empty_lines()) {
      TRY_ASSIGN(ConfigEntry entry, read_entry());
      const auto same = std::ranges::find(entries, entry.name, &ConfigEntry::name);
      if (same != entries.end())
        return error(fmt::format("{} is there already, in line {}", entry.name, same->line), entry.line);
      entries.push_back(std::move(entry));
    }
    return entries;
  }

 private:
  [[nodiscard]] std::unexpected<Error> error(std::string_view what, int64_t line = 0) const {
    return fatal_error(fmt::format("{}:{}: {}", file_, line > 0 ? line : line_, what));
  }

  // Of UTF-8, without control characters but tabs and the ends of lines, which may be Windows' own.
  [[nodiscard]] Status check_characters() const {
    int64_t line = 1;
    for (size_t at = 0; at < text_.size();) {
      const size_t size = utf8_character_size(text_.substr(at));
      if (size == 0) return error("is no text in UTF-8", line);
      const bool is_line_end = text_.substr(at).starts_with("\r\n");
      if (is_forbidden(text_[at]) && !is_line_end)
        return error(fmt::format("has the control character {:#04x}", static_cast<uint8_t>(text_[at])), line);
      if (text_[at] == '\n') ++line;
      at += size;
    }
    return {};
  }

  [[nodiscard]] char next() const { return at_ < text_.size() ? text_[at_] : '\n'; }
  [[nodiscard]] bool is_at_end_of_line() const {
    return at_ >= text_.size() || text_[at_] == '\n' || text_[at_] == '\r';
  }
  [[nodiscard]] bool takes(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  void skip_rest_of_line() { at_ = std::min(text_.find('\n', at_), text_.size()); }
  // With comments.
  void skip_empty_lines() {
    for (;;) {
      skip_spaces();
      if (next() == '#') skip_rest_of_line();
      if (text_.substr(at_).starts_with("\r\n")) ++at_;
      if (!takes('\n')) return;
      ++line_;
    }
  }

  Result<ConfigEntry> read_entry() {
    if (next() == '[')
      return error("is a section; the file is a list of options, NAME = VALUE, without sections");
    ConfigEntry entry{.name = {}, .line = line_, .is_list = false, .values = {}};
    TRY_ASSIGN(entry.name, read_name());
    skip_spaces();
    if (next() == '.')
      return error(entry.name + ". is a section's name; the file is a list of options, without sections");
    if (!takes('=')) return error(fmt::format("has no = behind {}; a line is NAME = VALUE", entry.name));
    skip_spaces();
    entry.is_list = next() == '[';
    if (entry.is_list) {
      TRY_ASSIGN(entry.values, read_list(entry.name));
    } else {
      TRY_ASSIGN(ConfigValue value, read_value(entry.name));
      entry.values.push_back(std::move(value));
    }
    skip_spaces();
    if (next() == '#') skip_rest_of_line();
    if (!is_at_end_of_line()) return error(fmt::format("has more behind the value of {}", entry.name));
    return entry;
  }

  Result<std::string> read_name() {
    if (next() == '"' || next() == '\'') return read_text("the name");
    const size_t begin = at_;
    while (at_ < text_.size() && is_bare(text_[at_])) ++at_;
    if (at_ == begin) return error("begins with no option's name; a line is NAME = VALUE");
    return std::string(text_.substr(begin, at_ - begin));
  }

  Result<std::vector<ConfigValue>> read_list(const std::string& name) {
    const int64_t begin = line_;
    ++at_;
    std::vector<ConfigValue> values;
    for (;;) {
      skip_empty_lines();
      if (at_ >= text_.size())
        return error(fmt::format("the list of {} has no end: ] is missing", name), begin);
      if (takes(']')) return values;
      if (next() == '[')
        return error(name + " is a list in a list; an option's values are texts and numbers");
      TRY_ASSIGN(ConfigValue value, read_value(name));
      values.push_back(std::move(value));
      skip_empty_lines();
      if (!takes(',') && next() != ']' && at_ < text_.size())
        return error(fmt::format("the values of {} stand between commas", name));
    }
  }

  Result<ConfigValue> read_value(const std::string& name) {
    if (next() == '"' || next() == '\'') return read_text(name);
    if (next() == '{') return error(name + " is a section; the file is a list of options, without sections");
    const size_t begin = at_;
    while (at_ < text_.size() && std::string_view(" \t\r\n,]#").find(text_[at_]) == std::string_view::npos)
      ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    if (word == "true" || word == "false") return word == "true";
    if (const std::optional<ConfigValue> number = number_of(word)) return *number;
    if (word.empty()) return error(name + " has no value");
    return error(
        fmt::format("{} = {}: a text stands in quotes; else a value is a number, true or false", name, word));
  }

  // nullopt where TOML has no such number, or it is beyond what 64 bits hold.
  static std::optional<ConfigValue> number_of(std::string_view word) {
    std::string plain;  // as from_chars takes it
    bool is_integer = true;
    size_t at = 0;
    const auto digits = [&] {
      const size_t begin = at;
      for (; at < word.size(); ++at) {
        const bool is_between = at > begin && word[at] == '_' && is_digit(word[at - 1]) &&
                                at + 1 < word.size() && is_digit(word[at + 1]);
        if (is_digit(word[at])) {
          plain += word[at];
        } else if (!is_between) {
          break;
        }
      }
      return at > begin;
    };
    const auto sign = [&] {
      if (at >= word.size() || (word[at] != '+' && word[at] != '-')) return;
      if (word[at] == '-' || !is_integer) plain += word[at];
      ++at;
    };
    sign();
    const size_t first = at;
    if (!digits() || (word[first] == '0' && at - first > 1)) return std::nullopt;
    if (at < word.size() && word[at] == '.') {
      is_integer = false;
      plain += word[at++];
      if (!digits()) return std::nullopt;
    }
    if (at < word.size() && (word[at] == 'e' || word[at] == 'E')) {
      is_integer = false;
      plain += word[at++];
      sign();
      if (!digits()) return std::nullopt;
    }
    if (at != word.size()) return std::nullopt;
    return is_integer ? parsed<int64_t>(plain) : parsed<double>(plain);
  }

  template <typename Number>
  static std::optional<ConfigValue> parsed(const std::string& plain) {
    Number number{};
    const auto [end, failure] = std::from_chars(plain.data(), plain.data() + plain.size(), number);
    if (failure != std::errc() || end != plain.data() + plain.size()) return std::nullopt;
    return number;
  }

  // From one quote to the other, both on one line.
  Result<std::string> read_text(const std::string& name) {
    const char quote = text_[at_];
    if (text_.substr(at_).starts_with(std::string(3, quote)))
      return error(name + " is a text over several lines; an option's text has one");
    ++at_;
    std::string text;
    while (!is_at_end_of_line()) {
      const char c = text_[at_++];
      if (c == quote) return text;
      if (c != '\\' || quote == '\'') {
        text += c;
        continue;
      }
      if (!read_escape(text))
        return error(
            fmt::format("{} has a \\ that stands for nothing; write \\\\, or the text in '...'", name));
    }
    return error(fmt::format("the text of {} has no end: {} is missing", name, quote));
  }

  bool read_escape(std::string& text) {
    constexpr std::string_view kLetters = "btnfr\"\\";
    constexpr std::string_view kMeanings = "\b\t\n\f\r\"\\";
    const char letter = next();
    ++at_;
    if (const size_t place = kLetters.find(letter); place != std::string_view::npos) {
      text += kMeanings[place];
      return true;
    }
    if (letter != 'u' && letter != 'U') return false;
    const size_t digits = letter == 'u' ? 4 : 8;
    if (at_ + digits > text_.size()) return false;
    uint32_t code = 0;
    const char* const begin = text_.data() + at_;
    if (std::from_chars(begin, begin + digits, code, 16).ptr != begin + digits) return false;
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    append_character(text, code);
    at_ += digits;
    return true;
  }

  std::string_view text_;
  const std::string& file_;
  size_t at_ = 0;
  int64_t line_ = 1;
};

}  // namespace

Result<std::vector<ConfigEntry>> parse_config(std::string_view text, const std::string& file) {
  return ConfigReader(text, file).read();
}

Result<std::vector<ConfigEntry>> read_config_file(const std::filesystem::path& file) {
  TRY_ASSIGN(const Bytes content, read_file(file, kMaxConfigBytes));
  return parse_config(as_text(content), file.string());
}

std::string config_line(std::string_view name, std::string_view value) {
  std::string line = fmt::format("{} = \"", name);
  for (const char c : value) {
    if (c == '"' || c == '\\') line += '\\';
    if (is_forbidden(c) || c == '\n') {
      line += fmt::format("\\u{:04x}", static_cast<uint8_t>(c));
    } else {
      line += c;
    }
  }
  return line + "\"\n";
}

}  // namespace templar
