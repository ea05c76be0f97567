// The second pass of compression: what is left after sending takes the place of what there was.
#pragma once

#include <span>

#include "base/thread_team.h"
#include "core/codec/blended_input.h"
#include "core/protocol/coded_block.h"

namespace templar {

// out <- input - decompressed(encoded). out may be the input's base itself, not a shifted part of it.
void store_residual(const BlendedInput& input, const EncodedParameter& encoded, const CodecSpec& codec,
                    std::span<float> out, ThreadTeam& team);

// out <- input, likewise.
void store_blend(const BlendedInput& input, std::span<float> out, ThreadTeam& team);

}  // namespace templar
