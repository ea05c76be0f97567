// One pass over a parameter: error feedback in, kept and quantised values and what is left out.
#pragma once

#include <span>

#include "base/result.h"
#include "base/threads/thread_team.h"
#include "core/codec/blended_input.h"
#include "core/coding/coded_block.h"

namespace templar {

// out receives the input minus what was sent, or all of the input where subtract_sent is false. Where out is
// empty nothing is stored. It may be the memory of one of the inputs, but must not overlap an input in any
// other way.
struct Remainder {
  std::span<float> out;
  bool subtract_sent = true;
};

// The quantiser is the codec spec's: block_log, and none, work chunk by chunk; mean4 needs all values of a
// parameter first, and what was sent is then subtracted in a second, sparse pass. Fails (skip) if a value is
// not finite, or so large that the codebook leaves its range or the transform overflows, and names the
// parameter and the element; what remainder.out holds is then unspecified.
[[nodiscard]] Result<EncodedParameter> encode_parameter(const BlendedInput& input,
                                                        const ParameterInfo& parameter,
                                                        const CodecSpec& codec, ThreadTeam& team,
                                                        const Remainder& remainder = {});

}  // namespace templar
