// Rules that need the whole tree: names that stand twice or that only tests use, folders that are too dense.
#pragma once

#include <set>
#include <span>
#include <string_view>

#include "source_rules.h"

namespace templar::testing {

// No two headers have the same file name: whoever reads one knows which is meant. `known` are left out.
[[nodiscard]] Violations check_header_names(std::span<const SourceFile> files,
                                            const std::set<std::string_view>& known);

// A type that a header declares has its name alone in the tree, whatever the namespaces: whoever searches for
// it finds it. Two sources may use one name for types of their own in namespaces without a name, which nobody
// else can see. Nested types, specialisations and forward declarations don't count. `known` are left out.
[[nodiscard]] Violations check_type_names(std::span<const SourceFile> files,
                                          const std::set<std::string_view>& known);

// What a header under src/ declares (types, functions, methods, constants) is named by some source under src/
// at a place that neither declares nor defines it. Tests, benchmarks and fuzzers don't count as use, nor does
// all that lies in tests/. By name alone: of two things with one name, the use of one counts for both.
// `known` are left out.
[[nodiscard]] Violations check_used(std::span<const SourceFile> files,
                                    const std::set<std::string_view>& known);

// In no folder under src/ do more than `most` of its parts name each other. A part is a header with its
// source; tests don't count.
[[nodiscard]] Violations check_arrows(std::span<const SourceFile> files, size_t most);

}  // namespace templar::testing
