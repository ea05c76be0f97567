// Rules that the source tree keeps, each as a function from one file to the places where it is broken. Words
// are looked for in code alone: comments and the contents of literals don't count.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace templar::testing {

struct SourceFile {
  std::string path;  // from the root of the tree, with '/'
  std::string text;
};

struct Violation {
  std::string path;
  size_t line = 0;  // from 1
  std::string what;
  bool operator==(const Violation&) const = default;
};
using Violations = std::vector<Violation>;

inline constexpr size_t kMaxFileLines = 450;
inline constexpr size_t kMaxColumns = 110;  // as in .clang-format

// The paths that the file includes in quotes, in their order.
[[nodiscard]] std::vector<std::string> quoted_includes_of(const SourceFile& file);

// The room that a path under src/ belongs to ("core/codec"), or nothing ("") if it is in none.
[[nodiscard]] std::string_view room_of(std::string_view path_under_src);

// A file of a room includes only files of the rooms that the table in docs/architecture.md names beside it;
// its tests, benchmarks and fuzzers also tests/support.
[[nodiscard]] Violations check_rooms(const SourceFile& file);
// Every quoted include is written from an include root, never with "..".
[[nodiscard]] Violations check_include_paths(const SourceFile& file);
// Libraries that compute are included in engine/ alone.
[[nodiscard]] Violations check_compute_libraries(const SourceFile& file);
// Only app/ and tests/support read the environment.
[[nodiscard]] Violations check_environment(const SourceFile& file);
// Only base/ and app/ know the real time or sleep; no test sleeps, wherever it is.
[[nodiscard]] Violations check_clock(const SourceFile& file);
// Only base/ makes random numbers.
[[nodiscard]] Violations check_randomness(const SourceFile& file);
// No call into the file system throws: each has an std::error_code, called error, failed, ignored or unknown,
// as its last argument. And nobody prints by fmt::print, which throws where the output is full
// (app/terminal/standard_output.h and tell.h do not). Tests may.
[[nodiscard]] Violations check_throwing_calls(const SourceFile& file);
// Nobody swallows what he does not know.
[[nodiscard]] Violations check_catch_all(const SourceFile& file);
// At most kMaxFileLines lines.
[[nodiscard]] Violations check_length(const SourceFile& file);
// No line has more than kMaxColumns characters (not bytes). Raw string literals don't count: their line
// breaks are part of what they say.
[[nodiscard]] Violations check_line_length(const SourceFile& file);
// Locks are base/threads/mutex.h's, whose use clang checks, and not the standard library's own.
[[nodiscard]] Violations check_locks(const SourceFile& file);
// Only app/, and tests that have a reason, read the machine's own clock; others are handed a VirtualClock.
[[nodiscard]] Violations check_test_clock(const SourceFile& file);
// A header can be included twice: #pragma once, or the toggle of Highway's "-inl.h".
[[nodiscard]] Violations check_header_guard(const SourceFile& file);

}  // namespace templar::testing
