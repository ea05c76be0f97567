// BLAKE2b-256 (RFC 7693) of many messages at once: a message in each lane of the processor's vectors (a lane
// is one of the numbers that a vector register holds). One message after the other, as libsodium takes them,
// hashing is what loading a model and proving its state root wait for.
#pragma once

#include <span>

#include "base/bytes.h"
#include "base/hash.h"

namespace templar {

// hashes[i] is that of messages[i], keyed if key is not empty (at most 64 bytes); both spans have one length
// (CHECK). Messages of equal length that follow each other share vectors. What Blake2b(32, key) gives, on
// every processor.
void blake2b_256_each(std::span<const ByteView> messages, ByteView key, std::span<Hash256> hashes);

// As many equally long messages as are worth handing over at once, or a multiple of it.
inline constexpr size_t kBlake2bLanes = 8;

}  // namespace templar
