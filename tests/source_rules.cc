#include "source_rules.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <set>

#include "source_tokens.h"

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
      {"adapters", {"base", "core/run", "core/protocol", "ports", "formats"}},
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

struct Include {
  size_t line = 0;
  bool quoted = false;
  std::string path;
};

std::vector<Include> includes_of(const SourceFile& file) {
  std::vector<Include> includes;
  const auto lines = lines_of(code_of(file.text, /*keep_literals=*/true));
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

// The places where the tokens stand in this order; a call is a name with '(' behind it that is nobody's
// member.
Violations find_sequences(const SourceFile& file,
                          const std::vector<std::vector<std::string_view>>& sequences) {
  Violations violations;
  const std::vector<Token> tokens = tokens_of(file.text);
  for (size_t i = 0; i < tokens.size(); ++i) {
    for (const auto& sequence : sequences) {
      if (sequence[0] != tokens[i].text || i + sequence.size() > tokens.size()) continue;
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

std::vector<std::string> quoted_includes_of(const SourceFile& file) {
  std::vector<std::string> paths;
  for (Include& include : includes_of(file)) {
    if (include.quoted) paths.push_back(std::move(include.path));
  }
  return paths;
}

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

Violations check_throwing_calls(const SourceFile& file) {
  if (is_test(file.path) || file.path.find("_bench.cc") != std::string::npos || !is_in(file.path, "src"))
    return {};
  static const std::set<std::string_view> kCalls = {"absolute",
                                                    "canonical",
                                                    "copy",
                                                    "copy_file",
                                                    "create_directories",
                                                    "create_directory",
                                                    "create_hard_link",
                                                    "create_symlink",
                                                    "current_path",
                                                    "directory_iterator",
                                                    "equivalent",
                                                    "exists",
                                                    "file_size",
                                                    "hard_link_count",
                                                    "is_directory",
                                                    "is_empty",
                                                    "is_fifo",
                                                    "is_regular_file",
                                                    "is_socket",
                                                    "is_symlink",
                                                    "last_write_time",
                                                    "permissions",
                                                    "proximate",
                                                    "read_symlink",
                                                    "recursive_directory_iterator",
                                                    "relative",
                                                    "remove",
                                                    "remove_all",
                                                    "rename",
                                                    "resize_file",
                                                    "space",
                                                    "status",
                                                    "symlink_status",
                                                    "temp_directory_path",
                                                    "weakly_canonical"};
  static const std::set<std::string_view> kErrors = {"error", "failed", "ignored", "unknown"};
  Violations violations = find_sequences(file, {{"fmt", ":", ":", "print"}});
  const std::vector<Token> tokens = tokens_of(file.text);
  for (size_t i = 3; i < tokens.size(); ++i) {
    const std::string& space = tokens[i - 3].text;
    if (!kCalls.contains(tokens[i].text) || tokens[i - 1].text != ":" ||
        (space != "fs" && space != "filesystem"))
      continue;
    size_t at = i + 1;
    if (at < tokens.size() && is_word_character(tokens[at].text[0])) ++at;  // an iterator with a name
    if (at >= tokens.size() || tokens[at].text != "(") continue;
    int depth = 0;
    do {
      if (tokens[at].text == "(") ++depth;
      if (tokens[at].text == ")") --depth;
      ++at;
    } while (depth > 0 && at < tokens.size());
    const bool is_end = tokens[i].text.ends_with("directory_iterator") && tokens[at - 2].text == "(";
    const bool is_range = tokens[i].text.ends_with("directory_iterator") && i > 4 &&
                          tokens[i - 4].text == ":" && tokens[i - 5].text != ":";  // its steps throw
    if (is_range || (!is_end && !kErrors.contains(tokens[at - 2].text)))
      violations.push_back({file.path, tokens[i].line, tokens[i].text});
  }
  return violations;
}

Violations check_catch_all(const SourceFile& file) {
  return find_sequences(file, {{"catch", "(", ".", ".", "."}});
}

Violations check_length(const SourceFile& file) {
  const size_t lines = lines_of(file.text).size();
  if (lines <= kMaxFileLines) return {};
  return {{file.path, lines, "more than " + std::to_string(kMaxFileLines) + " lines"}};
}

Violations check_line_length(const SourceFile& file) {
  Violations violations;
  const std::vector<std::string> lines = lines_of(file.text);
  const std::set<size_t> raw = raw_literal_lines_of(file.text);
  for (size_t i = 0; i < lines.size(); ++i) {
    // Every byte of UTF-8 but those that continue a character.
    const auto columns = std::ranges::count_if(lines[i], [](char c) { return (c & 0xc0) != 0x80; });
    if (columns <= static_cast<ptrdiff_t>(kMaxColumns) || raw.contains(i + 1)) continue;
    violations.push_back({file.path, i + 1, std::to_string(columns) + " columns"});
  }
  return violations;
}

Violations check_locks(const SourceFile& file) {
  if (file.path == "src/base/threads/mutex.h") return {};
  return find_sequences(file, {{"mutex", ">"},
                               {"std", ":", ":", "mutex"},
                               {"shared_mutex"},
                               {"recursive_mutex"},
                               {"timed_mutex"},
                               {"condition_variable"},
                               {"condition_variable_any"},
                               {"lock_guard"},
                               {"scoped_lock"},
                               {"unique_lock"},
                               {"shared_lock"}});
}

Violations check_test_clock(const SourceFile& file) {
  // What they try cannot be without it: the clock itself; what stamps events with it; measurements that a
  // stopwatch makes; pauses between tries on a thread of its own; what signs requests to a
  // server by the machine's; servers of other programs; blocks by the clock that such a server stamps with.
  static constexpr std::array<std::string_view, 10> kNeedIt = {"src/base/clock_test.cc",
                                                               "src/base/log/log_test.cc",
                                                               "src/node/window/window_timeline_test.cc",
                                                               "src/adapters/influx/influx_output_test.cc",
                                                               "src/app/verbs/store_command_test.cc",
                                                               "src/app/verbs/address_verbs_test.cc",
                                                               "src/app/world/open_data_test.cc",
                                                               "tests/integration/influx_points.cc",
                                                               "tests/integration/many_publishers.cc",
                                                               "tests/integration/s3_store.cc"};
  if (!is_test(file.path) && !is_in(file.path, "tests")) return {};
  if (std::ranges::find(kNeedIt, file.path) != kNeedIt.end()) return {};
  return find_sequences(file, {{"SystemClock"}});
}

Violations check_header_guard(const SourceFile& file) {
  if (!file.path.ends_with(".h") || file.path.ends_with("-inl.h")) return {};
  if (!find_sequences(file, {{"pragma", "once"}}).empty()) return {};
  return {{file.path, 1, "no #pragma once"}};
}

}  // namespace templar::testing
