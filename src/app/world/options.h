// Options that several verbs have.
#pragma once

#include <string>

#include "engine/engine.h"

namespace CLI {
class App;
}

namespace templar {

void add_precision_option(CLI::App& verb, std::string& precision);
// "f32" or "bf16", as the option above has checked.
[[nodiscard]] inline Precision parse_precision(const std::string& precision) {
  return precision == "bf16" ? Precision::kBf16 : Precision::kF32;
}

}  // namespace templar
