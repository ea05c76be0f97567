#include "app/command_line/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>
#include <optional>
#include <type_traits>

#include "app/command_line/config_file.h"
#include "app/command_line/nearest_name.h"
#include "app/terminal/printable.h"
#include "base/check.h"
#include "base/json/json.h"
#include "base/log/secrets.h"

namespace templar {
namespace {

bool is_list(const OptionValue& value) {
  return std::holds_alternative<std::vector<std::string>*>(value) ||
         std::holds_alternative<std::vector<int64_t>*>(value);
}

std::string hint(std::string_view name, const std::vector<std::string>& known) {
  const std::optional<std::string> nearest = nearest_name(name, known);
  return nearest ? fmt::format("; did you mean {}?", *nearest) : "";
}

// As redact() puts it.
constexpr const char* kHidden = "<secret>";

// What a value in a file must be for an option of that kind.
enum class FileKind { kFlag, kInteger, kIntegerOrText, kNumber, kText };

template <typename T>
constexpr FileKind file_kind() {
  if constexpr (std::is_same_v<T, bool>) {
    return FileKind::kFlag;
  } else if constexpr (std::is_same_v<T, uint64_t>) {
    return FileKind::kIntegerOrText;  // TOML's integers end at 2^63
  } else if constexpr (std::is_integral_v<T>) {
    return FileKind::kInteger;
  } else if constexpr (std::is_floating_point_v<T>) {
    return FileKind::kNumber;
  } else {
    return FileKind::kText;
  }
}

FileKind file_kind_of(const Option& option) {
  if (option.rules.is_size) return FileKind::kIntegerOrText;
  return std::visit(ByKind{[](const NamedChoice&) { return FileKind::kText; },
                           []<typename T>(const std::vector<T>*) { return file_kind<T>(); },
                           []<typename T>(const std::optional<T>*) { return file_kind<T>(); },
                           []<typename T>(const T*) { return file_kind<T>(); }},
                    option.value);
}

std::string_view description_of(const Option& option) {
  if (option.rules.is_size) return "a size: a whole number of bytes, or a text such as \"64MB\"";
  switch (file_kind_of(option)) {
    case FileKind::kFlag:
      return "true or false";
    case FileKind::kInteger:
    case FileKind::kIntegerOrText:
      return "a whole number";
    case FileKind::kNumber:
      return "a number";
    case FileKind::kText:
      return "a text in quotes";
  }
  return "";
}

bool fits(const ConfigValue& value, FileKind kind) {
  const bool is_integer = std::holds_alternative<int64_t>(value);
  const bool is_text = std::holds_alternative<std::string>(value);
  switch (kind) {
    case FileKind::kFlag:
      return std::holds_alternative<bool>(value);
    case FileKind::kInteger:
      return is_integer;
    case FileKind::kIntegerOrText:
      return is_integer || is_text;
    case FileKind::kNumber:
      return is_integer || std::holds_alternative<double>(value);
    case FileKind::kText:
      return is_text;
  }
  return false;
}

std::string setting_text(const ConfigValue& value) {
  return std::visit([](const auto& one) { return fmt::format("{}", one); }, value);
}

Result<Setting> setting_of(const Option& option, const ConfigEntry& entry, const std::string& file) {
  Setting setting{.source = fmt::format("{}:{}", file, entry.line), .texts = {}};
  if (entry.is_list && !is_list(option.value)) {
    return fatal_error(fmt::format("{}: {} has one value and no list: {}", setting.source, entry.name,
                                   description_of(option)));
  }
  if (entry.values.empty())
    return fatal_error(
        fmt::format("{}: {} is an empty list; leave the line out", setting.source, entry.name));
  for (const ConfigValue& value : entry.values) {
    if (!fits(value, file_kind_of(option))) {
      return fatal_error(fmt::format("{}: {} must be {}{}", setting.source, entry.name,
                                     is_list(option.value) ? "a list, each value " : "",
                                     description_of(option)));
    }
    setting.texts.push_back(setting_text(value));
  }
  return setting;
}

// nullopt: the text is neither.
std::optional<bool> flag_of(std::string text) {
  constexpr std::array kTrue = {"1", "true", "yes", "on"};
  constexpr std::array kFalse = {"0", "false", "no", "off"};
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  if (std::ranges::find(kTrue, text) != kTrue.end()) return true;
  if (std::ranges::find(kFalse, text) != kFalse.end()) return false;
  return std::nullopt;
}

Result<Setting> setting_of(const Option& option, const std::string& variable, const std::string& value) {
  Setting setting{.source = variable, .texts = {}};
  if (std::holds_alternative<bool*>(option.value)) {
    const std::optional<bool> flag = flag_of(value);
    if (!flag)
      return fatal_error(
          fmt::format("{}: '{}' is neither true (1, yes, on) nor false (0, no, off)", variable, value));
    setting.texts = {*flag ? "true" : "false"};
  } else if (is_list(option.value)) {
    for (size_t begin = 0; begin <= value.size();) {
      const size_t end = std::min(value.find(',', begin), value.size());
      setting.texts.push_back(value.substr(begin, end - begin));
      begin = end + 1;
    }
  } else {
    setting.texts = {value};
  }
  return setting;
}

Status add_file(SettingsByName& settings, const OptionTable& table, const std::filesystem::path& file) {
  TRY_ASSIGN(const std::vector<ConfigEntry> entries, read_config_file(file));
  std::vector<std::string> names;
  for (const Option& option : table) names.push_back(file_name_of(option));
  for (const ConfigEntry& entry : entries) {
    const auto name = std::ranges::find(names, entry.name);
    if (name == names.end()) {
      return fatal_error(fmt::format("{}:{}: there is no option {}{}", file.string(), entry.line, entry.name,
                                     hint(entry.name, names)));
    }
    const Option& option = table[static_cast<size_t>(name - names.begin())];
    TRY_ASSIGN(settings[entry.name], setting_of(option, entry, file.string()));
  }
  return {};
}

// A text, quoted as in TOML, on one line and harmless to a terminal.
std::string toml_text(std::string_view text) {
  std::string json;
  append_json_text(json, printable(text));
  return json;
}

// As TOML; nullopt where the option has no value.
std::optional<std::string> shown_value(const Option& option) {
  const auto text_value = [](const std::string& text) {
    return text.empty() ? std::nullopt : std::optional(toml_text(redact(text)));
  };
  return std::visit(
      ByKind{[](const bool* flag) { return std::optional<std::string>(*flag ? "true" : "false"); },
             [&](const NamedChoice& choice) { return text_value(choice.names.at(choice.chosen())); },
             [&](const std::string* text) { return text_value(*text); },
             [&](const std::filesystem::path* path) { return text_value(path->string()); },
             [&](const uint64_t* number) -> std::optional<std::string> {
               const std::string text = fmt::format("{}", *number);
               return *number > std::numeric_limits<int64_t>::max() ? toml_text(text) : text;
             },
             [&]<typename T>(const std::vector<T>* list) -> std::optional<std::string> {
               std::vector<std::string> shown;
               for (const T& one : *list) {
                 const std::string text = fmt::format("{}", one);
                 shown.push_back(std::is_same_v<T, std::string> ? toml_text(redact(text)) : text);
               }
               if (shown.empty()) return std::nullopt;
               return fmt::format("[{}]", fmt::join(shown, ", "));
             },
             [&]<typename T>(const std::optional<T>* number) -> std::optional<std::string> {
               if (!*number) return std::nullopt;
               const std::string text = fmt::format("{}", **number);
               return std::cmp_greater(**number, std::numeric_limits<int64_t>::max()) ? toml_text(text)
                                                                                      : text;
             },
             [](const auto* number) { return std::optional(fmt::format("{}", *number)); }},
      option.value);
}

// A default such as -1 stands for none where no value below 0 is allowed.
bool is_allowed_number(const Option& option) {
  const auto* range = std::get_if<IntegerRange>(&option.rules.allowed);
  const auto* const* number = std::get_if<int*>(&option.value);
  return range == nullptr || number == nullptr || (**number >= range->lowest && **number <= range->highest);
}

}  // namespace

std::string file_name_of(const Option& option) {
  const std::string_view name = std::string_view(option.name).substr(0, option.name.find(','));
  CHECK(name.starts_with("--"));
  return std::string(name.substr(2));
}

std::string variable_of(std::string_view name_in_file) {
  std::string name(kVariablePrefix);
  for (const char c : name_in_file)
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

Result<SettingsByName> read_settings(const OptionTable& table, const Environment& environment,
                                     const std::filesystem::path& config_file) {
  SettingsByName settings;
  if (!config_file.empty()) TRY(add_file(settings, table, config_file));
  for (const Option& option : table) {
    const std::string name = file_name_of(option);
    const auto variable = environment.find(variable_of(name));
    if (variable == environment.end()) continue;
    TRY_ASSIGN(settings[name], setting_of(option, variable->first, variable->second));
  }
  return settings;
}

std::vector<std::string> unknown_variables(const Environment& environment,
                                           const std::vector<std::string>& known) {
  std::vector<std::string> sentences;
  for (const auto& [name, value] : environment) {
    if (std::ranges::find(known, name) == known.end())
      sentences.push_back(
          fmt::format("{} is set, but is no variable of this program{}", name, hint(name, known)));
  }
  return sentences;
}

std::string shown_options(const OptionTable& table,
                          const std::map<std::string, std::string, std::less<>>& sources) {
  constexpr size_t kValueColumns = 50;
  std::string text;
  for (const Option& option : table) {
    const std::string name = file_name_of(option);
    const auto source = sources.find(name);
    const bool is_said = source != sources.end();
    std::optional<std::string> value = shown_value(option);
    if (!is_said && (option.rules.required || !is_allowed_number(option))) value.reset();
    if (option.rules.is_secret && value) value = kHidden;
    const bool is_hidden =
        value && value->find(kHidden) != std::string::npos;  // would be no value to read again
    std::string line = is_said && value && !is_hidden ? "" : "# ";
    line += value ? fmt::format("{} = {}", name, *value) : name;
    const std::string origin = is_said                 ? printable(source->second)
                               : value                 ? "default"
                               : option.rules.required ? "missing, required"
                                                       : "none";
    text += fmt::format("{:<{}}  # {}\n", line, kValueColumns, origin);
  }
  return text;
}

}  // namespace templar
