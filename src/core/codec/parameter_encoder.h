// The two passes over a parameter that compression consists of: encoding reads and writes nothing back; what
// is left after sending is stored in the second pass, once every parameter has been encoded.
#pragma once

#include <span>

#include "base/result.h"
#include "base/thread_team.h"
#include "core/codec/blended_input.h"
#include "core/codec/quantiser.h"
#include "core/protocol/coded_block.h"

namespace templar {

// Fails as compress() does, or as the quantiser does.
[[nodiscard]] Result<EncodedParameter> encode_parameter(const BlendedInput& input,
                                                        const ParameterInfo& parameter,
                                                        const CodecSpec& codec, ThreadTeam& team,
                                                        QuantiseFunction* quantise = quantise_mean4);

// out <- input - decompressed(encoded). out may be the input's base itself, not a shifted part of it.
void store_residual(const BlendedInput& input, const EncodedParameter& encoded, const CodecSpec& codec,
                    std::span<float> out, ThreadTeam& team);

// out <- input.
void store_blend(const BlendedInput& input, std::span<float> out, ThreadTeam& team);

}  // namespace templar
