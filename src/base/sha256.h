// SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104), by libsodium: what others' protocols ask for. Our own
// formats hash by BLAKE2b (base/hash.h).
#pragma once

#include "base/hash.h"

namespace templar {

[[nodiscard]] Hash256 sha256(ByteView bytes);

// The same of bytes that come piece by piece.
class Sha256 {
 public:
  Sha256();
  void update(ByteView bytes);
  // Call once.
  [[nodiscard]] Hash256 finish();

 private:
  alignas(16) std::array<uint8_t, 128> state_{};
};

// A key may have any length.
[[nodiscard]] Hash256 hmac_sha256(ByteView key, ByteView message);

}  // namespace templar
