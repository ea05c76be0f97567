// The JSON of a safetensors header, read event by event: no tree is built, so that a hostile header costs no
// more memory than its own size. Internal to safetensors.cc.
#pragma once

#include <string_view>

#include "base/result.h"
#include "formats/safetensors/safetensors.h"

namespace templar {

// Fills metadata and tensors, in the text's order. Fails (skip) on anything but
// {"__metadata__": {text: text, ...}, name: {"dtype": text, "shape": [n, ...], "data_offsets": [begin, end]},
// ...} padded by spaces.
[[nodiscard]] Status parse_safetensors_json(std::string_view text, SafetensorsHeader& header);

}  // namespace templar
