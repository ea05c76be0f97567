// The option by which several verbs let people choose the engine's precision.
#pragma once

#include "app/command_line/command_line.h"
#include "engine/engine.h"

namespace templar {

// --precision, read into that value, which must live as long as the option's table.
[[nodiscard]] Option precision_option(Precision& precision);
// "f32" or "bf16".
[[nodiscard]] const char* name_of(Precision precision);

}  // namespace templar
