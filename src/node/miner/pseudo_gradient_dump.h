// What a miner is about to compress, written to files: for people who choose codecs and quantisers by real
// data.
#pragma once

#include <filesystem>

#include "core/run/parameter_layout.h"

namespace templar {

// Writes folder/window-<5 digits>-uid-<uid>.safetensors, or replaces it as a whole: for each parameter the
// tensors "pseudo_gradient.<name>" (DeMo: the gradient) and "error_feedback.<name>" (the momentum) as they
// are before the window's compression, F32. Makes the folder. Fails (fatal) where it can't be written.
[[nodiscard]] Status dump_pseudo_gradient(const std::filesystem::path& folder, int64_t window, uint32_t uid,
                                          const ParameterLayout& layout, ConstParameterSpans pseudo_gradient,
                                          ConstParameterSpans error_feedback);

}  // namespace templar
