// The option by which several verbs let people choose the engine's precision.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/command_line/command_line.h"
#include "engine/engine.h"

namespace templar {

// --precision, read into that value, which must live as long as the option's table.
[[nodiscard]] Option precision_option(Precision& precision);
// Of all precisions.
[[nodiscard]] std::vector<std::string> precision_names();
// One of these.
[[nodiscard]] const char* name_of(Precision precision);
// nullopt if no precision has that name.
[[nodiscard]] std::optional<Precision> precision_named(std::string_view name);

}  // namespace templar
