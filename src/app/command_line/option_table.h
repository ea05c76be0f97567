// The options of a verb as a table: what a command line, the environment, a configuration file and --help
// know of each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace templar {

// A value that is chosen by its name: names[chosen()] is the one that holds.
struct NamedChoice {
  std::vector<std::string> names;
  std::function<size_t()> chosen;
  std::function<void(size_t)> choose;
};

// What an option is read into; the value that stands there already is the option's default. A bool is a flag
// without a value; a list takes a value each time that the option is given, and those that follow it.
using OptionValue = std::variant<bool*, int*, int64_t*, uint64_t*, double*, std::string*,
                                 std::filesystem::path*, std::vector<std::string>*, std::vector<int64_t>*,
                                 std::optional<int64_t>*, std::optional<uint64_t>*, NamedChoice>;

// Which values are allowed, each one of a list; any other is a usage error.
struct IntegerRange {  // lowest and highest are allowed
  int64_t lowest = 0;
  int64_t highest = 0;
};
struct RealRange {  // likewise
  double lowest = 0;
  double highest = 0;
};
struct AboveZero {};
struct ZeroOrMore {};
struct OneOf {
  std::vector<std::string> texts;
};
struct ExistingFolder {};
using AllowedValues =
    std::variant<std::monostate, IntegerRange, RealRange, AboveZero, ZeroOrMore, OneOf, ExistingFolder>;

struct OptionRules {
  AllowedValues allowed;
  bool required = false;
  bool shows_default = false;       // --help names the default
  bool is_size = false;             // bytes, perhaps with a unit: 16MB, 512KiB
  bool is_comma_separated = false;  // of a list: "h,cc" is two values
  bool takes_next_only = false;     // of a list: a second value needs the option's name again
  bool is_secret = false;           // no listing shows the value
  std::string group = "";           // the heading in --help; empty: "Options"
  std::string excludes = "";        // the name of an option that must not be given as well
};

// One line of a table. A name with dashes ("--threads") is an option, one without ("FILE") is a positional
// argument; "--growth,!--no-growth" is a flag that has a name for each answer.
struct Option {
  std::string name;
  OptionValue value;
  std::string help;
  OptionRules rules = {};
};
using OptionTable = std::vector<Option>;

// The arguments that make of `defaults` what `wanted` holds: options whose values are equal are left out. The
// tables list the same options in the same order, none of them positional.
[[nodiscard]] std::vector<std::string> arguments_of(const OptionTable& wanted, const OptionTable& defaults);

// What the option's value is on a command line: as many texts as the option would be given times; nullopt for
// a flag that would be given, which has no text.
using OptionTexts = std::vector<std::optional<std::string>>;
[[nodiscard]] OptionTexts texts_of(const OptionValue& value);

// A function of a variant, one case for each kind of value.
template <typename... Cases>
struct ByKind : Cases... {
  using Cases::operator()...;
};

}  // namespace templar
