#include "app/command_line/command_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <sstream>
#include <system_error>
#include <type_traits>
#include <utility>

#include "app/terminal/standard_output.h"
#include "app/terminal/stop_signal.h"
#include "app/terminal/tell.h"
#include "base/check.h"

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

// CLI11 takes "-1" for the largest number without a sign, "nan" for a number, and "0x10" for 16.
template <typename Number>
std::string why_no_number(std::string& text) {
  Number number{};
  if (text.starts_with('+')) text.erase(0, 1);  // from_chars takes none
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = failure == std::errc() && end == text.data() + text.size();
  if constexpr (std::is_floating_point_v<Number>) {
    return whole && std::isfinite(number) ? "" : fmt::format("Value {} is not a number", text);
  } else {
    if (whole) return "";
    return fmt::format("Value {} is not a whole number from {} to {}", text,
                       std::numeric_limits<Number>::min(), std::numeric_limits<Number>::max());
  }
}

// "16MB", "512KiB", "1.5 GB", or a plain number of bytes.
std::optional<uint64_t> size_of_text(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);  // from_chars takes none
  double number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || !(number >= 0)) return std::nullopt;
  std::string unit(end, text.data() + text.size());
  std::erase(unit, ' ');
  if (unit.empty()) {  // exactly, beyond what a double holds
    uint64_t bytes = 0;
    const auto [last, bad] = std::from_chars(text.data(), end, bytes);
    return bad == std::errc() && last == end ? std::optional(bytes) : std::nullopt;
  }
  std::ranges::transform(unit, unit.begin(), [](unsigned char c) { return std::tolower(c); });
  if (unit.ends_with('b')) unit.pop_back();
  const bool is_binary = unit.ends_with('i');
  if (is_binary) unit.pop_back();
  const size_t power = std::string_view(" kmgtpe").find(unit.empty() ? " " : unit);
  if (unit.size() > 1 || power == std::string_view::npos || (is_binary && power == 0)) return std::nullopt;
  const double bytes = number * std::pow(is_binary ? 1024.0 : 1000.0, static_cast<double>(power));
  constexpr double kBeyond = 18446744073709551616.0;
  if (!(bytes < kBeyond)) return std::nullopt;
  return static_cast<uint64_t>(bytes);
}

CLI::Validator size_as_number() {
  return CLI::Validator(
      [](std::string& text) {
        const std::optional<uint64_t> bytes = size_of_text(text);
        if (!bytes) return fmt::format("Value {} is not a size, such as 512KiB or 16MB", text);
        text = std::to_string(*bytes);
        return std::string();
      },
      "SIZE");
}

// What an option's value, or each of its list, is read as.
template <typename T>
struct OneValue {
  using Type = T;
};
template <typename T>
struct OneValue<std::vector<T>> {
  using Type = T;
};
template <typename T>
struct OneValue<std::optional<T>> {
  using Type = T;
};

// What can be told from the text alone, before the option's own rules.
template <typename T>
void check_text(CLI::Option& option) {
  if constexpr (std::is_arithmetic_v<T>) {
    option.check(CLI::Validator([](std::string& text) { return why_no_number<T>(text); }, ""));
  } else if constexpr (std::is_same_v<T, std::filesystem::path>) {
    option.check(CLI::Validator(
        [](std::string& text) { return text.empty() ? std::string("An empty name is no path") : ""; }, ""));
  }
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
              check_text<typename OneValue<std::remove_pointer_t<decltype(value)>>::Type>(*added);
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
  if (const std::string reason = stop_reason(); !reason.empty()) tell(reason + "\n");
  if (!status) {
    tell_error(status.error().message);
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
    if (rules.is_size) added->transform(size_as_number());
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
      tell(fmt::format("{} has no verb '{}'; it has {}\n", path, presentable(argument),
                       fmt::join(names, ", ")));
      return true;
    }
    level = *found;
    path += " " + level->get_name();
  }
  return false;
}

int CommandLine::run(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    tell(app_->help());
    return kUsageExitCode;
  }
  if (names_unknown_verb(arguments)) return kUsageExitCode;
  try {
    app_->parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 takes them reversed
  } catch (const CLI::ParseError& error) {
    std::ostringstream help;  // asked for: standard output
    std::ostringstream complaint;
    const bool is_help = app_->exit(error, help, complaint) == 0;
    tell(presentable(complaint.str()));
    print_text(help.str());
    return is_help ? 0 : kUsageExitCode;
  }
  return exit_code_;
}

}  // namespace templar
