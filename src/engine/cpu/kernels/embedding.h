// Token embedding: a row of a table for each token, and the gradient's way back.
#pragma once

#include <cstdint>
#include <span>

#include "base/threads/thread_team.h"

namespace templar {

// x [tokens, width] = rows of table [vocab, width].
void embed(ThreadTeam& team, std::span<const uint32_t> tokens, const float* table, int64_t width, float* x);

// d_table[token] += d_x, token after token, so that the sum does not depend on the number of threads.
void embed_backward(ThreadTeam& team, std::span<const uint32_t> tokens, const float* d_x, int64_t width,
                    float* d_table);

}  // namespace templar
