// The command line of the program: verbs declare their options as tables, and this header's source is the
// only one that knows the library that reads them (CLI11, eight seconds of compiler time in each source that
// includes it).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"

namespace CLI {
class App;
}

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

// Does the work and turns its outcome into an exit code: 0; 1 with the error's message on standard error; 130
// if somebody interrupted it.
[[nodiscard]] int exit_code_of(const std::function<Status()>& work);

// A verb of a CommandLine: a handle, valid as long as that is. Copies stand for the same verb.
class Verb {
 public:
  // Adds a verb below this one, which from then on needs one of them on the command line. help: what it does,
  // for both lists of verbs and its own --help; details: shown there below the options.
  Verb add_verb(const std::string& name, const std::string& help, const std::string& details = "");
  // What the options point to must live until the verb has run.
  void add_options(const OptionTable& options);
  // What the verb does once all options have been read. The exit code is that of exit_code_of, or what the
  // work returns.
  void runs(std::function<Status()> work);
  void runs(std::function<int()> work);

 private:
  friend class CommandLine;
  Verb(CLI::App* app, int* exit_code) : app_(app), exit_code_(exit_code) {}

  CLI::App* app_;
  int* exit_code_;
};

class CommandLine {
 public:
  // version: what --version prints.
  CommandLine(const std::string& program, const std::string& description, const std::string& version);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  // The program itself: verbs are added to it.
  [[nodiscard]] Verb root();
  // Reads the arguments (those after the program's name), runs the verb that they name and returns its exit
  // code; 2 after a usage error, which is explained on standard error; 0 after --help and --version.
  [[nodiscard]] int run(const std::vector<std::string>& arguments);

 private:
  [[nodiscard]] bool names_unknown_verb(const std::vector<std::string>& arguments) const;

  std::unique_ptr<CLI::App> app_;
  int exit_code_ = 0;
};

}  // namespace templar
