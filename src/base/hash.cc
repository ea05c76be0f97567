#include "base/hash.h"

#include <sodium.h>

#include <algorithm>

#include "base/check.h"

namespace templar {
namespace {

crypto_generichash_blake2b_state* as_state(std::array<uint8_t, 384>& bytes) {
  static_assert(sizeof(crypto_generichash_blake2b_state) <= 384);
  return reinterpret_cast<crypto_generichash_blake2b_state*>(bytes.data());
}

}  // namespace

Result<Hash256> parse_hash256(std::string_view text) {
  if (text.size() != 64)
    return skip_error("a 256-bit hash has 64 hexadecimal digits, this one " + std::to_string(text.size()));
  TRY_ASSIGN(const Bytes bytes, from_hex(text));
  Hash256 hash;
  std::copy(bytes.begin(), bytes.end(), hash.bytes.begin());
  return hash;
}

Blake2b::Blake2b(size_t digest_size, ByteView key) : digest_size_(digest_size) {
  // libsodium chooses its fastest BLAKE2b only then.
  static const bool ready = sodium_init() >= 0;
  CHECK(ready);
  CHECK(digest_size >= 16 && digest_size <= 64 && key.size() <= 64);
  CHECK(crypto_generichash_blake2b_init(as_state(state_), key.empty() ? nullptr : key.data(), key.size(),
                                        digest_size) == 0);
}

Blake2b& Blake2b::update(ByteView bytes) {
  CHECK(crypto_generichash_blake2b_update(as_state(state_), bytes.data(), bytes.size()) == 0);
  return *this;
}

void Blake2b::finish(std::span<uint8_t> out) {
  CHECK(out.size() == digest_size_);
  CHECK(crypto_generichash_blake2b_final(as_state(state_), out.data(), out.size()) == 0);
}

Hash256 Blake2b::finish256() {
  Hash256 hash;
  finish(hash.bytes);
  return hash;
}

Hash256 blake2b_256(ByteView bytes) {
  return Blake2b().update(bytes).finish256();
}

}  // namespace templar
