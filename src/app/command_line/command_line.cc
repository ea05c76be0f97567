#include "app/command_line/command_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <sstream>
#include <system_error>
#include <type_traits>
#include <utility>

#include "app/command_line/settings.h"
#include "app/terminal/standard_output.h"
#include "app/terminal/stop_signal.h"
#include "app/terminal/tell.h"
#include "base/check.h"

namespace templar {

// The options of a verb, and whether they may be settings.
struct VerbOptions {
  OptionTable table;
  bool takes_settings = false;
  std::filesystem::path config_file;
  bool shows_config = false;

  // Those that have names a setting can have.
  [[nodiscard]] OptionTable named() const {
    OptionTable options;
    for (const Option& option : table) {
      if (option.name.starts_with("--")) options.push_back(option);
    }
    return options;
  }
};

namespace {

// What shells expect of a usage error; CLI11 has a code of its own for each kind.
constexpr int kUsageExitCode = 2;

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
  std::visit(ByKind{[](std::monostate) {},
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
      ByKind{[&](bool* flag) { return app.add_flag(option.name, *flag, option.help); },
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

constexpr const char* kConfigName = "config";
constexpr const char* kConfigurationGroup = "Configuration";
constexpr const char* kSettingsHelp =
    "Each option may also come from the environment or from a configuration file. A flag goes before a "
    "variable, "
    "a variable before the file, the file before the default.\n"
    "  Variable: TEMPLAR_ and the option's name in capitals with _ for -, so that --influx-url is "
    "TEMPLAR_INFLUX_URL; several values with commas between them.\n"
    "  File (--config FILE or TEMPLAR_CONFIG): TOML, a line for each option, in quotes what is no number:\n"
    "    influx-url = \"https://metrics.example:8086\"\n"
    "    tag = [\"site=a\", \"rack=7\"]\n"
    "--show-config lists what holds, and why, as such a file.";

CLI::Option& option_of(CLI::App& app, const Option& option) {
  return *app.get_option("--" + file_name_of(option));
}

// Reads it into the option as if it had been given as a flag; a complaint names the setting instead.
void apply(const Setting& setting, CLI::Option& option) {
  try {
    option.add_result(setting.texts);
    option.run_callback();
  } catch (const CLI::ParseError& error) {
    std::string_view reason = error.what();
    const std::string flag = option.get_name() + ": ";
    if (reason.starts_with(flag)) reason.remove_prefix(flag.size());
    throw CLI::ValidationError(
        fmt::format("{}: {}: {}", setting.source, option.get_lnames().front(), reason));
  }
}

// CLI11 has looked at this among the flags alone.
void check_exclusions(CLI::App& app, const OptionTable& options) {
  for (const Option& option : options) {
    if (option.rules.excludes.empty() || option_of(app, option).count() == 0) continue;
    if (app.get_option(option.rules.excludes)->count() > 0)
      throw CLI::ExcludesError("--" + file_name_of(option), option.rules.excludes);
  }
}

// CLI11 asks for required options among the flags alone: as long as this lives it asks for none of those that
// may come from elsewhere.
class LiftedRequirements {
 public:
  explicit LiftedRequirements(const std::map<CLI::App*, VerbOptions>& verbs) {
    for (const auto& [app, options] : verbs) {
      if (!options.takes_settings) continue;
      for (const Option& option : options.named()) {
        if (option.rules.required) lifted_.push_back(option_of(*app, option).required(false));
      }
    }
  }
  ~LiftedRequirements() {
    for (CLI::Option* option : lifted_) option->required();
  }
  LiftedRequirements(const LiftedRequirements&) = delete;
  LiftedRequirements& operator=(const LiftedRequirements&) = delete;

 private:
  std::vector<CLI::Option*> lifted_;
};

}  // namespace

struct Verb::State {
  int exit_code = 0;
  Environment environment;
  std::map<CLI::App*, VerbOptions> verbs;
  // Where options of the verb that runs came from that no flag has said, by their names.
  std::map<std::string, std::string, std::less<>> settings;

  // Before a verb does its work: reads what flags have not said. False if the options were shown instead.
  [[nodiscard]] bool take_settings(CLI::App& app);
  // The verb's outcome; an error that names an option says where that came from.
  [[nodiscard]] Status with_settings(Status outcome) const;
  void tell_unknown_variables() const;
};

void Verb::State::tell_unknown_variables() const {
  Environment others;
  for (const auto& [name, value] : environment) {
    if (!is_secret_variable(name)) others.emplace(name, value);
  }
  std::vector<std::string> known = {variable_of(kConfigName)};
  for (const auto& [app, options] : verbs) {
    if (!options.takes_settings) continue;
    for (const Option& option : options.named()) known.push_back(variable_of(file_name_of(option)));
  }
  for (const std::string& sentence : unknown_variables(others, known))
    tell(presentable("warning: " + sentence) + "\n");
}

Status Verb::State::with_settings(Status outcome) const {
  if (outcome) return outcome;
  Error error = std::move(outcome).error();
  for (const auto& [name, source] : settings) {
    const std::string flag = "--" + name;
    const size_t at = error.message.find(flag);
    if (at == std::string::npos) continue;
    const std::string rest = error.message.substr(at + flag.size());
    // Not the beginning of another option's name.
    if (!rest.empty() && (std::isalnum(static_cast<unsigned char>(rest[0])) != 0 || rest[0] == '-')) continue;
    error.message.insert(at + flag.size(), fmt::format(" (from {})", source));
  }
  return std::unexpected(std::move(error));
}

bool Verb::State::take_settings(CLI::App& app) {
  const VerbOptions& verb = verbs.at(&app);
  tell_unknown_variables();
  std::filesystem::path file = verb.config_file;
  const auto variable = environment.find(variable_of(kConfigName));
  if (file.empty() && variable != environment.end()) file = variable->second;
  const OptionTable options = verb.named();
  const Result<SettingsByName> settings = read_settings(options, environment, file);
  if (!settings) throw CLI::ValidationError(settings.error().message);

  std::map<std::string, std::string, std::less<>> sources;
  for (const Option& option : options) {
    const std::string name = file_name_of(option);
    CLI::Option& target = option_of(app, option);
    const auto setting = settings->find(name);
    if (target.count() > 0) {
      sources[name] = "--" + name;
    } else if (setting != settings->end()) {
      apply(setting->second, target);
      sources[name] = setting->second.source;
      this->settings[name] = setting->second.source;
    }
  }
  check_exclusions(app, options);
  if (verb.shows_config) print_text(shown_options(options, sources));
  for (const Option& option : options) {
    const std::string name = file_name_of(option);
    if (!option.rules.required || sources.contains(name)) continue;
    throw CLI::ValidationError(fmt::format(
        "--{0} is required: as a flag, as {1}, or as {0} in a file (--config)", name, variable_of(name)));
  }
  return !verb.shows_config;
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
  return {verb, state_};
}

void Verb::add_options(const OptionTable& options) {
  OptionTable& table = state_->verbs[app_].table;
  table.insert(table.end(), options.begin(), options.end());
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

void Verb::takes_settings() {
  VerbOptions& options = state_->verbs[app_];
  options.takes_settings = true;
  CLI::Option* file =
      app_->add_option("--config", options.config_file, "Configuration file (TOML) with options, see below");
  file->group(kConfigurationGroup);
  check_text<std::filesystem::path>(*file);
  app_->add_flag("--show-config", options.shows_config,
                 "List all options, their values and where they came from, and do nothing else")
      ->group(kConfigurationGroup);
  const std::string details = app_->get_footer();
  app_->footer(details.empty() ? kSettingsHelp : details + "\n" + kSettingsHelp);
}

void Verb::runs(std::function<Status()> work) {
  runs([state = state_, work = std::move(work)] {
    return exit_code_of([&] { return state->with_settings(work()); });
  });
}

void Verb::runs(std::function<Result<Ending>()> work) {
  runs([state = state_, work = std::move(work)] {
    Ending ending = Ending::kDone;
    const int code = exit_code_of([&]() -> Status {
      const Result<Ending> outcome = work();
      if (!outcome) return state->with_settings(std::unexpected(outcome.error()));
      ending = *outcome;
      return {};
    });
    return code == 0 && ending == Ending::kAlarmStands ? kAlarmExitCode : code;
  });
}

void Verb::runs(std::function<int()> work) {
  app_->callback([app = app_, state = state_, work = std::move(work)] {
    const auto verb = state->verbs.find(app);
    const bool has_settings = verb != state->verbs.end() && verb->second.takes_settings;
    if (!has_settings || state->take_settings(*app)) state->exit_code = work();
  });
}

CommandLine::CommandLine(const std::string& program, const std::string& description,
                         const std::string& version)
    : app_(std::make_unique<CLI::App>(description, program)), state_(std::make_unique<Verb::State>()) {
  app_->set_version_flag("--version", version);
}

CommandLine::~CommandLine() = default;

Verb CommandLine::root() {
  return {app_.get(), state_.get()};
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

int CommandLine::run(const std::vector<std::string>& arguments, const Environment& environment) {
  if (arguments.empty()) {
    tell(app_->help());
    return kUsageExitCode;
  }
  if (names_unknown_verb(arguments)) return kUsageExitCode;
  state_->environment = environment;
  try {
    const LiftedRequirements lifted(state_->verbs);
    app_->parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 takes them reversed
  } catch (const CLI::ParseError& error) {
    std::ostringstream help;  // asked for: standard output
    std::ostringstream complaint;
    const bool is_help = app_->exit(error, help, complaint) == 0;
    tell(presentable(complaint.str()));
    print_text(help.str());
    return is_help ? 0 : kUsageExitCode;
  }
  return state_->exit_code;
}

}  // namespace templar
