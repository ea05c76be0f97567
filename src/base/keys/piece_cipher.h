// Authenticated encryption of content in pieces: ChaCha20-Poly1305 (RFC 8439), by libsodium.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace templar {

struct CipherKey {
  std::array<uint8_t, 32> bytes{};
  auto operator<=>(const CipherKey&) const = default;
};

// By so much a piece grows.
constexpr size_t kPieceTagBytes = 16;

// The piece encrypted, and its tag behind it. number is the nonce: under one key no two different pieces may
// have the same number, or whoever sees both learns how they differ. companion is not encrypted, and whoever
// decrypts must name the same.
[[nodiscard]] Bytes encrypt_piece(const CipherKey& key, uint64_t number, ByteView companion, ByteView piece);

// What encrypt_piece was given; nullopt if key, number, companion or any byte is another one. It does not
// bind to the key: somebody can make bytes that two keys of his choice decrypt, to different pieces.
[[nodiscard]] std::optional<Bytes> decrypt_piece(const CipherKey& key, uint64_t number, ByteView companion,
                                                 ByteView encrypted);

}  // namespace templar
