// The first of the two passes over a parameter that compression consists of: it reads and writes nothing
// back. The second, residual.h, stores what is left once every parameter has been encoded.
#pragma once

#include <span>

#include "base/result.h"
#include "base/thread_team.h"
#include "core/codec/blended_input.h"
#include "core/codec/quantiser.h"
#include "core/protocol/coded_block.h"

namespace templar {

// Without a quantiser the codec spec names it. Fails as compress() does, or as the quantiser does.
[[nodiscard]] Result<EncodedParameter> encode_parameter(const BlendedInput& input,
                                                        const ParameterInfo& parameter,
                                                        const CodecSpec& codec, ThreadTeam& team,
                                                        QuantiseFunction* quantise = nullptr);

}  // namespace templar
