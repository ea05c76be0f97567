#include "app/command_line/variables.h"

#include <unistd.h>

#include <algorithm>
#include <array>

namespace templar {

Environment process_environment() {
  Environment variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (!text.starts_with(kVariablePrefix) || equals == std::string_view::npos) continue;
    if (equals + 1 < text.size()) variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

bool is_secret_variable(std::string_view name) {
  constexpr std::array<std::string_view, 5> kSecrets = {kInfluxPasswordVariable, kInfluxTokenVariable,
                                                        kLokiPasswordVariable, kLokiTokenVariable,
                                                        kEtcdPasswordVariable};
  return std::ranges::find(kSecrets, name) != kSecrets.end();
}

std::vector<std::string> environment_without_options() {
  std::vector<std::string> kept;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!text.starts_with(kVariablePrefix) || is_secret_variable(text.substr(0, text.find('='))))
      kept.emplace_back(text);
  }
  return kept;
}

}  // namespace templar
