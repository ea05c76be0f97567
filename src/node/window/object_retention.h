// What a node removes from its own bucket because it has become too old to be asked for.
#pragma once

#include <cstdint>
#include <string_view>

#include "ports/object_store.h"

namespace templar {

// Removes from the bucket all objects of one kind (a prefix of core/protocol/object_keys.h) that belong to
// windows before keep_from. Fails (retry) where the store was away: what was removed until then stays
// removed.
[[nodiscard]] Status remove_older_than(ObjectStore& store, std::string_view bucket, std::string_view prefix,
                                       int64_t keep_from);

}  // namespace templar
