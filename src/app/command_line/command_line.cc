#include "app/command_line/command_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <type_traits>
#include <utility>

#include "app/terminal/stop_signal.h"
#include "base/check.h"
#include "base/log/secrets.h"

namespace templar {
namespace {

// What shells expect of a usage error; CLI11 has a code of its own for each kind.
constexpr int kUsageExitCode = 2;

template <typename... Cases>
struct Match : Cases... {
  using Cases::operator()...;
};

// CLI11's own checks of a sign are ranges to the largest double, and say so with all its 309 digits.
CLI::Validator number_check(const char* label, const char* rule, bool (*fits)(double)) {
  return CLI::Validator(
      [rule, fits](std::string& text) {
        double number = 0;
        if (CLI::detail::lexical_cast(text, number) && fits(number)) return std::string();
        return fmt::format("Value {} is not {}", text, rule);
      },
      label);
}

void restrict_values(CLI::Option& option, const AllowedValues& allowed) {
  std::visit(Match{[](std::monostate) {},
                   [&](const IntegerRange& range) { option.check(CLI::Range(range.lowest, range.highest)); },
                   [&](const RealRange& range) { option.check(CLI::Range(range.lowest, range.highest)); },
                   [&](AboveZero) {
                     option.check(number_check("POSITIVE", "above 0", [](double x) { return x > 0; }));
                   },
                   [&](ZeroOrMore) {
                     option.check(number_check("NONNEGATIVE", "0 or more", [](double x) { return x >= 0; }));
                   },
                   [&](const OneOf& one) { option.check(CLI::IsMember(one.texts)); },
                   [&](ExistingFolder) { option.check(CLI::ExistingDirectory); }},
             allowed);
}

CLI::Option* add_to(CLI::App& app, const Option& option) {
  return std::visit(
      Match{[&](bool* flag) { return app.add_flag(option.name, *flag, option.help); },
            [&](const NamedChoice& choice) {
              const auto choose = [choice](const std::string& name) {
                choice.choose(
                    static_cast<size_t>(std::ranges::find(choice.names, name) - choice.names.begin()));
              };
              return app.add_option_function<std::string>(option.name, choose, option.help)
                  ->check(CLI::IsMember(choice.names))
                  ->default_str(option.rules.shows_default ? choice.names.at(choice.chosen()) : "");
            },
            [&](auto* value) {
              CLI::Option* added = app.add_option(option.name, *value, option.help);
              return option.rules.shows_default ? added->capture_default_str() : added;
            }},
      option.value);
}

// What the value is on a command line: as many texts as the option is given times; nullopt for a flag that is
// given, which has no text.
using Texts = std::vector<std::optional<std::string>>;

Texts texts_of(const OptionValue& value) {
  return std::visit(Match{[](const bool* flag) { return *flag ? Texts{std::nullopt} : Texts{}; },
                          [](const NamedChoice& choice) { return Texts{choice.names.at(choice.chosen())}; },
                          [](const std::filesystem::path* path) { return Texts{path->string()}; },
                          []<typename T>(const std::vector<T>* list) {
                            Texts texts;
                            for (const T& one : *list) texts.emplace_back(fmt::format("{}", one));
                            return texts;
                          },
                          []<typename T>(const std::optional<T>* number) {
                            return *number ? Texts{fmt::format("{}", **number)} : Texts{};
                          },
                          [](const auto* other) { return Texts{fmt::format("{}", *other)}; }},
                    value);
}

}  // namespace

std::vector<std::string> arguments_of(const OptionTable& wanted, const OptionTable& defaults) {
  CHECK(wanted.size() == defaults.size());
  std::vector<std::string> arguments;
  for (size_t i = 0; i < wanted.size(); ++i) {
    CHECK(wanted[i].name == defaults[i].name && wanted[i].name.starts_with("--"));
    const Texts texts = texts_of(wanted[i].value);
    const Texts default_texts = texts_of(defaults[i].value);
    if (texts == default_texts) continue;
    // No argument takes back what is there by default.
    CHECK(!texts.empty() || default_texts.empty());
    for (const std::optional<std::string>& text : texts) {
      arguments.push_back(wanted[i].name);
      if (text) arguments.push_back(*text);
    }
  }
  return arguments;
}

int exit_code_of(const std::function<Status()>& work) {
  const Status status = work();
  if (!status) {
    fmt::print(stderr, "error: {}\n", redact(status.error().message));
    return stop_requested() ? kInterruptedExitCode : 1;
  }
  return stop_requested() ? kInterruptedExitCode : 0;
}

Verb Verb::add_verb(const std::string& name, const std::string& help, const std::string& details) {
  app_->require_subcommand(1);
  CLI::App* verb = app_->add_subcommand(name, help);
  verb->footer(details);
  return {verb, exit_code_};
}

void Verb::add_options(const OptionTable& options) {
  for (const Option& option : options) {
    CLI::Option* added = add_to(*app_, option);
    const OptionRules& rules = option.rules;
    if (rules.required) added->required();
    if (!rules.group.empty()) added->group(rules.group);
    if (rules.is_size) added->transform(CLI::AsSizeValue(true));
    if (rules.is_comma_separated) added->delimiter(',');
    if (rules.takes_next_only) added->allow_extra_args(false);
    if (!rules.excludes.empty()) added->excludes(app_->get_option(rules.excludes));
    restrict_values(*added, rules.allowed);
  }
}

void Verb::runs(std::function<Status()> work) {
  runs([work = std::move(work)] { return exit_code_of(work); });
}

void Verb::runs(std::function<int()> work) {
  app_->callback([exit_code = exit_code_, work = std::move(work)] { *exit_code = work(); });
}

CommandLine::CommandLine(const std::string& program, const std::string& description,
                         const std::string& version)
    : app_(std::make_unique<CLI::App>(description, program)) {
  app_->set_version_flag("--version", version);
}

CommandLine::~CommandLine() = default;

Verb CommandLine::root() {
  return {app_.get(), &exit_code_};
}

// CLI11 would only say that a verb is missing.
bool CommandLine::names_unknown_verb(const std::vector<std::string>& arguments) const {
  const CLI::App* level = app_.get();
  std::string path = level->get_name();
  for (const std::string& argument : arguments) {
    if (argument.starts_with('-')) break;
    const std::vector<const CLI::App*> verbs = level->get_subcommands(nullptr);
    if (verbs.empty()) return false;
    const auto found = std::ranges::find(verbs, argument, &CLI::App::get_name);
    if (found == verbs.end()) {
      std::vector<std::string> names;
      for (const CLI::App* verb : verbs) names.push_back(verb->get_name());
      fmt::print(stderr, "{} has no verb '{}'; it has {}\n", path, argument, fmt::join(names, ", "));
      return true;
    }
    level = *found;
    path += " " + level->get_name();
  }
  return false;
}

int CommandLine::run(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    std::fputs(app_->help().c_str(), stderr);
    return kUsageExitCode;
  }
  if (names_unknown_verb(arguments)) return kUsageExitCode;
  try {
    app_->parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 takes them reversed
  } catch (const CLI::ParseError& error) {
    return app_->exit(error) == 0 ? 0 : kUsageExitCode;
  }
  return exit_code_;
}

}  // namespace templar
