#include "base/sha256.h"

#include <sodium.h>

namespace templar {
namespace {

crypto_hash_sha256_state* state_in(std::array<uint8_t, 128>& place) {
  static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(place) && alignof(crypto_hash_sha256_state) <= 16);
  return reinterpret_cast<crypto_hash_sha256_state*>(place.data());
}

}  // namespace

Sha256::Sha256() {
  crypto_hash_sha256_init(state_in(state_));
}

void Sha256::update(ByteView bytes) {
  crypto_hash_sha256_update(state_in(state_), bytes.data(), bytes.size());
}

Hash256 Sha256::finish() {
  Hash256 hash;
  crypto_hash_sha256_final(state_in(state_), hash.bytes.data());
  return hash;
}

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
