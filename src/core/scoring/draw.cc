#include "core/scoring/draw.h"

#include <cstring>

namespace templar {

Bytes draw_message(const Hash256& run_id, int64_t window, const Hash256& block_hash) {
  ByteWriter writer;
  writer.put_bytes(as_bytes("templar.draw.v1"));
  writer.put_bytes(run_id.bytes);
  writer.put(window);
  writer.put_bytes(block_hash.bytes);
  return writer.take();
}

uint64_t draw_seed(const Signature& signature) {
  const Hash256 hash = blake2b_256(signature.bytes);
  uint64_t seed = 0;
  std::memcpy(&seed, hash.bytes.data(), sizeof(seed));
  return seed;
}

}  // namespace templar
