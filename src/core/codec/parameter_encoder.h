// One pass over a parameter: error feedback in, kept and quantised values and what is left out.
#pragma once

#include <span>

#include "base/result.h"
#include "base/threads/thread_team.h"
#include "core/codec/blended_input.h"
#include "core/coding/coded_block.h"

namespace templar {

// Where the input is stored, less what was sent of it. Empty: nowhere. out may be one of the inputs itself,
// not a shifted part of it.
struct Remainder {
  std::span<float> out;
  bool subtract_sent = true;
};

// The quantiser is the codec spec's: block_log works chunk by chunk; mean4 needs all values of a parameter
// first, and what was sent is then subtracted in a second, sparse pass. Fails (skip) if a value is not
// finite, or so large that the codebook leaves its range or the transform overflows, and names the parameter
// and the element; what remainder.out holds is then unspecified.
[[nodiscard]] Result<EncodedParameter> encode_parameter(const BlendedInput& input,
                                                        const ParameterInfo& parameter,
                                                        const CodecSpec& codec, ThreadTeam& team,
                                                        const Remainder& remainder = {});

}  // namespace templar
