#include "source_rules.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <initializer_list>

namespace templar::testing {
namespace {

struct Room {
  std::string_view name;
  std::vector<std::string_view> may_use;  // its own name is understood
};

const std::vector<Room>& rooms() {
  static const std::vector<Room> kRooms = {
      {"base", {}},
      {"core/run", {"base"}},
      {"core/coding", {"base", "core/run"}},
      {"core/protocol", {"base", "core/run", "core/coding"}},
      {"core/codec", {"base", "core/run", "core/coding", "core/protocol"}},
      {"core/consensus", {"base", "core/run", "core/coding", "core/protocol", "core/codec"}},
      {"core/scoring", {"base", "core/run", "core/protocol"}},
      {"core/data", {"base", "core/run", "core/protocol"}},
      {"ports", {"base", "core/run", "core/protocol"}},
      {"engine", {"base", "core"}},
      {"formats", {"base", "core", "ports"}},
      {"evaluation", {"base", "core", "ports", "engine"}},
      {"node", {"base", "core", "ports", "engine", "formats", "evaluation"}},
      {"adapters", {"base", "core/run", "core/protocol", "ports"}},
      {"sim", {"base", "core", "ports", "engine", "formats", "evaluation", "node"}},
      {"app", {"base", "core", "ports", "engine", "formats", "evaluation", "node", "adapters", "sim"}},
  };
  return kRooms;
}

bool is_in(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

bool is_in_any(std::string_view path, std::initializer_list<std::string_view> folders) {
  return std::any_of(folders.begin(), folders.end(),
                     [&](std::string_view folder) { return is_in(path, folder); });
}

bool is_test(std::string_view path) {
  return path.ends_with("_test.cc") || (is_in(path, "tests") && !is_in(path, "tests/support"));
}

bool may_use_test_support(std::string_view path) {
  return path.ends_with("_test.cc") || path.ends_with("_bench.cc") || path.ends_with("_fuzz.cc");
}

bool is_word_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// The text with comments, and the contents of literals unless they are kept, replaced by spaces; every line
// stays where it is.
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
    blank_until(end_of(close, close.size()), !keep_literals_);
  }

  std::string_view text_;
  std::string code_;
  bool keep_literals_;
  size_t at_ = 0;
};

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

struct Include {
  size_t line = 0;
  bool quoted = false;
  std::string path;
};

std::vector<Include> includes_of(const SourceFile& file) {
  std::vector<Include> includes;
  const auto lines = lines_of(CodeReader(file.text, /*keep_literals=*/true).read());
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = lines[i];
    const size_t hash = line.find_first_not_of(" \t");
    if (hash == std::string_view::npos || line[hash] != '#') continue;
    const size_t word = line.find_first_not_of(" \t", hash + 1);
    if (word == std::string_view::npos || !line.substr(word).starts_with("include")) continue;
    const size_t open = line.find_first_of("<\"", word);
    if (open == std::string_view::npos) continue;  // a macro's name
    const bool quoted = line[open] == '"';
    const size_t close = line.find(quoted ? '"' : '>', open + 1);
    includes.push_back({i + 1, quoted, std::string(line.substr(open + 1, close - open - 1))});
  }
  return includes;
}

// Words, and every other character that is no space as a token of its own.
struct Token {
  size_t line = 0;
  std::string text;
};

std::vector<Token> tokens_of(const SourceFile& file) {
  const std::string code = CodeReader(file.text, /*keep_literals=*/false).read();
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

// The places where the tokens stand in this order; a call is a name with '(' behind it that is nobody's
// member.
Violations find_sequences(const SourceFile& file,
                          const std::vector<std::vector<std::string_view>>& sequences) {
  Violations violations;
  const std::vector<Token> tokens = tokens_of(file);
  for (size_t i = 0; i < tokens.size(); ++i) {
    for (const auto& sequence : sequences) {
      if (i + sequence.size() > tokens.size()) continue;
      const bool is_member = i > 0 && (tokens[i - 1].text == "." || tokens[i - 1].text == ">");
      const bool is_call = sequence.size() > 1 && sequence[1] == "(";
      if (is_call && is_member) continue;
      const bool matches =
          std::equal(sequence.begin(), sequence.end(), tokens.begin() + static_cast<ptrdiff_t>(i),
                     [](std::string_view wanted, const Token& token) { return wanted == token.text; });
      if (matches) violations.push_back({file.path, tokens[i].line, std::string(sequence[0])});
    }
  }
  return violations;
}

}  // namespace

std::string_view room_of(std::string_view path_under_src) {
  for (const Room& room : rooms()) {
    if (is_in(path_under_src, room.name) && path_under_src.size() > room.name.size()) return room.name;
  }
  return "";
}

Violations check_rooms(const SourceFile& file) {
  if (!is_in(file.path, "src")) return {};
  const std::string_view own = room_of(std::string_view(file.path).substr(4));
  if (own.empty()) return {{file.path, 1, "is in no room"}};
  const auto& may_use = std::find_if(rooms().begin(), rooms().end(), [&](const Room& room) {
                          return room.name == own;
                        })->may_use;
  Violations violations;
  for (const Include& include : includes_of(file)) {
    if (!include.quoted) continue;
    if (is_in(include.path, "support") && may_use_test_support(file.path)) continue;
    const std::string_view used = room_of(include.path);
    const bool is_allowed =
        used == own || std::any_of(may_use.begin(), may_use.end(),
                                   [&](std::string_view room) { return !used.empty() && is_in(used, room); });
    if (!is_allowed) violations.push_back({file.path, include.line, include.path});
  }
  return violations;
}

Violations check_include_paths(const SourceFile& file) {
  Violations violations;
  for (const Include& include : includes_of(file)) {
    const std::string path = "/" + include.path + "/";
    if (path.find("/../") != std::string::npos) violations.push_back({file.path, include.line, include.path});
  }
  return violations;
}

Violations check_compute_libraries(const SourceFile& file) {
  static constexpr std::array<std::string_view, 11> kLibraries = {
      "dnnl", "oneapi/", "omp.h", "cuda", "cublas", "cudnn", "nccl", "torch/", "ATen/", "cblas", "openblas"};
  if (is_in(file.path, "src/engine")) return {};
  Violations violations;
  for (const Include& include : includes_of(file)) {
    const bool computes = std::any_of(kLibraries.begin(), kLibraries.end(), [&](std::string_view library) {
      return include.path.starts_with(library);
    });
    if (computes) violations.push_back({file.path, include.line, include.path});
  }
  for (Violation& violation : find_sequences(file, {{"pragma", "omp"}}))
    violations.push_back(std::move(violation));
  return violations;
}

Violations check_environment(const SourceFile& file) {
  if (is_in_any(file.path, {"src/app", "tests/support"})) return {};
  return find_sequences(file, {{"getenv"}, {"secure_getenv"}, {"setenv"}, {"putenv"}, {"environ"}});
}

Violations check_clock(const SourceFile& file) {
  Violations violations =
      find_sequences(file, {{"sleep_for"}, {"sleep_until"}, {"usleep"}, {"nanosleep"}, {"sleep", "("}});
  if (is_in_any(file.path, {"src/base", "src/app"})) return is_test(file.path) ? violations : Violations{};
  const Violations clocks = find_sequences(file, {{"system_clock"},
                                                  {"steady_clock"},
                                                  {"high_resolution_clock"},
                                                  {"gettimeofday"},
                                                  {"clock_gettime"},
                                                  {"time", "(", "nullptr"},
                                                  {"time", "(", "NULL"},
                                                  {"time", "(", "0"}});
  violations.insert(violations.end(), clocks.begin(), clocks.end());
  return violations;
}

Violations check_randomness(const SourceFile& file) {
  if (is_in(file.path, "src/base")) return {};
  return find_sequences(file, {{"rand", "("},
                               {"srand", "("},
                               {"random", "(", ")"},
                               {"drand48"},
                               {"random_device"},
                               {"mt19937"},
                               {"mt19937_64"},
                               {"default_random_engine"},
                               {"minstd_rand"}});
}

Violations check_catch_all(const SourceFile& file) {
  return find_sequences(file, {{"catch", "(", ".", ".", "."}});
}

Violations check_length(const SourceFile& file) {
  const size_t lines = lines_of(file.text).size();
  if (lines <= kMaxFileLines) return {};
  return {{file.path, lines, "more than " + std::to_string(kMaxFileLines) + " lines"}};
}

Violations check_header_guard(const SourceFile& file) {
  if (!file.path.ends_with(".h") || file.path.ends_with("-inl.h")) return {};
  if (!find_sequences(file, {{"pragma", "once"}}).empty()) return {};
  return {{file.path, 1, "no #pragma once"}};
}

}  // namespace templar::testing
