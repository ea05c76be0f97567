// Pseudo-gradient in, kept and quantised values out, and back. Formulas: docs/protocol.md, "Compression". All
// functions give the same bits for every number of threads.
#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "base/threads/thread_team.h"
#include "core/coding/coded_block.h"
#include "core/run/parameter_layout.h"

namespace templar {

// One parameter: chunks, transform, the kept largest of each chunk, quantised. values has parameter.count()
// elements. Fails (skip) if a value is not finite, or so large that the codebook leaves its range or the
// transform overflows; names the parameter and the element.
[[nodiscard]] Result<EncodedParameter> compress(std::span<const float> values, const ParameterInfo& parameter,
                                                const CodecSpec& codec, ThreadTeam& team);

// The dense parameter that encoded stands for, written over all of out.
void decompress(const EncodedParameter& encoded, const CodecSpec& codec, std::span<float> out,
                ThreadTeam& team);

// SparseLoCo's error feedback, all parameters: e <- beta*e + delta; q = compress(e); e <- e - decompress(q).
// On entry pseudo_gradient is theta_start - theta_local. On success it holds the new error feedback: the
// caller swaps the two buffers. error_feedback is the old one and is only read, so that a failure costs
// nothing; what pseudo_gradient holds is then unspecified. Fails (skip) if a value is not finite or too large
// to be sent, and names the parameter and the element.
[[nodiscard]] Result<std::vector<EncodedParameter>> compress_with_error_feedback(
    ConstParameterSpans error_feedback, ParameterSpans pseudo_gradient, const ParameterLayout& layout,
    const CodecSpec& codec, ThreadTeam& team);

}  // namespace templar
