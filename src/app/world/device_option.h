// The option by which several verbs let people choose what computes the model.
#pragma once

#include <optional>

#include "app/command_line/command_line.h"

namespace templar {

// --device cpu|cuda|cuda:N|auto, read into that value, which must live as long as the option's table: the
// card's number, or none for the CPU. auto is card 0 where this program and this machine can compute on it.
[[nodiscard]] Option device_option(std::optional<int>& card);

}  // namespace templar
