// What a validator's draw of a window follows from: whom it measures, and on which unassigned samples. Nobody
// but the validator can know it before, since nobody else can make its signature; everybody can check it
// afterwards; and the validator has no choice, since an Ed25519 signature is the same each time.
// docs/protocol.md, "Draw".
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/keys/keys.h"

namespace templar {

// What the validator signs. block_hash: of the window's first block.
[[nodiscard]] Bytes draw_message(const Hash256& run_id, int64_t window, const Hash256& block_hash);

// For choose_evaluated_uids(). The unassigned samples are drawn under the signature itself.
[[nodiscard]] uint64_t draw_seed(const Signature& signature);

}  // namespace templar
