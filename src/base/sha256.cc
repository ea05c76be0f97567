#include "base/sha256.h"

#include <sodium.h>

namespace templar {

Hash256 sha256(ByteView bytes) {
  Hash256 hash;
  crypto_hash_sha256(hash.bytes.data(), bytes.data(), bytes.size());
  return hash;
}

Hash256 hmac_sha256(ByteView key, ByteView message) {
  Hash256 code;
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, key.data(), key.size());
  crypto_auth_hmacsha256_update(&state, message.data(), message.size());
  crypto_auth_hmacsha256_final(&state, code.bytes.data());
  return code;
}

}  // namespace templar
