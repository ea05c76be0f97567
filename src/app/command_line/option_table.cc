#include "app/command_line/option_table.h"

#include <fmt/format.h>

#include "base/check.h"

namespace templar {

OptionTexts texts_of(const OptionValue& value) {
  return std::visit(
      ByKind{[](const bool* flag) { return *flag ? OptionTexts{std::nullopt} : OptionTexts{}; },
             [](const NamedChoice& choice) { return OptionTexts{choice.names.at(choice.chosen())}; },
             [](const std::filesystem::path* path) { return OptionTexts{path->string()}; },
             []<typename T>(const std::vector<T>* list) {
               OptionTexts texts;
               for (const T& one : *list) texts.emplace_back(fmt::format("{}", one));
               return texts;
             },
             []<typename T>(const std::optional<T>* number) {
               return *number ? OptionTexts{fmt::format("{}", **number)} : OptionTexts{};
             },
             [](const auto* other) { return OptionTexts{fmt::format("{}", *other)}; }},
      value);
}

std::vector<std::string> arguments_of(const OptionTable& wanted, const OptionTable& defaults) {
  CHECK(wanted.size() == defaults.size());
  std::vector<std::string> arguments;
  for (size_t i = 0; i < wanted.size(); ++i) {
    CHECK(wanted[i].name == defaults[i].name && wanted[i].name.starts_with("--"));
    const OptionTexts texts = texts_of(wanted[i].value);
    const OptionTexts default_texts = texts_of(defaults[i].value);
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

}  // namespace templar
