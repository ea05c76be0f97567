// Proof that a miner has the model: a hash, keyed with uid and window, over blocks of it that nobody knew
// before the window began. It can't be copied from another miner and can't be made from an old model.
#pragma once

#include <cstdint>

#include "base/hash.h"
#include "core/run/parameter_layout.h"

namespace templar {

constexpr size_t kPossessionBlockBytes = 4096;
constexpr size_t kPossessionBlocks = 64;

// block_hash is that of the window's first block on the ledger; parameters are the model at the window's
// start, not empty. Prover and verifier run this same function and compare. Bytes: docs/protocol.md.
[[nodiscard]] Hash256 prove_possession(ConstParameterSpans parameters, const Hash256& block_hash,
                                       uint32_t uid, int64_t window);

}  // namespace templar
