// The command line of the program: verbs declare their options as tables, and this header's source is the
// only one that knows the library that reads them (CLI11, eight seconds of compiler time in each source that
// includes it).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/command_line/option_table.h"
#include "app/command_line/variables.h"
#include "base/result.h"

namespace CLI {
class App;
}

namespace templar {

// Does the work and turns its outcome into an exit code: 0; 1 with the error's message on standard error; 130
// if somebody interrupted it.
[[nodiscard]] int exit_code_of(const std::function<Status()>& work);

// How work that has not failed has ended.
enum class Ending {
  kDone,
  kAlarmStands,  // it has come to its end, and something is wrong with the run all the same
};
inline constexpr int kAlarmExitCode = 3;

// A verb of a CommandLine: a handle, valid as long as that is. Copies stand for the same verb.
class Verb {
 public:
  // Adds a verb below this one, which from then on needs one of them on the command line. help: what it does,
  // for both lists of verbs and its own --help; details: shown there below the options.
  Verb add_verb(const std::string& name, const std::string& help, const std::string& details = "");
  // What the options point to must live until the verb has run.
  void add_options(const OptionTable& options);
  // To be called after all options have been added: each of them that has a name with dashes may come from
  // the environment or from a configuration file instead (settings.h), which --config or TEMPLAR_CONFIG
  // names. A flag is taken before a variable, a variable before the file, and a list from one of them alone;
  // the value passes the same checks. Also adds --show-config, by which the verb lists all options with where
  // they came from, instead of what it does. A variable of another name with the prefix is warned of.
  void takes_settings();
  // What the verb does once all options have been read. The exit code is that of exit_code_of, or what the
  // work returns. An error that names an option ("--store") is told with the variable, or the file and line,
  // that the option came from.
  void runs(std::function<Status()> work);
  void runs(std::function<int()> work);
  // The same with kAlarmExitCode in place of 0 where it says that an alarm stands.
  void runs(std::function<Result<Ending>()> work);

 private:
  friend class CommandLine;
  struct State;
  Verb(CLI::App* app, State* state) : app_(app), state_(state) {}

  CLI::App* app_;
  State* state_;
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
  // environment: the variables that verbs with settings know of; process_environment() in a program.
  [[nodiscard]] int run(const std::vector<std::string>& arguments, const Environment& environment = {});

 private:
  [[nodiscard]] bool names_unknown_verb(const std::vector<std::string>& arguments) const;

  std::unique_ptr<CLI::App> app_;
  std::unique_ptr<Verb::State> state_;
};

}  // namespace templar
