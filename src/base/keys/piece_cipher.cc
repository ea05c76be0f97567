#include "base/keys/piece_cipher.h"

#include <sodium.h>

#include <cstring>

#include "base/check.h"

namespace templar {
namespace {

using Nonce = std::array<uint8_t, crypto_aead_chacha20poly1305_ietf_NPUBBYTES>;
static_assert(kPieceTagBytes == crypto_aead_chacha20poly1305_ietf_ABYTES);
static_assert(sizeof(CipherKey) == crypto_aead_chacha20poly1305_ietf_KEYBYTES);

// The number, little-endian; the rest is 0.
Nonce nonce_of(uint64_t number) {
  Nonce nonce{};
  std::memcpy(nonce.data(), &number, sizeof(number));
  return nonce;
}

}  // namespace

Bytes encrypt_piece(const CipherKey& key, uint64_t number, ByteView companion, ByteView piece) {
  // libsodium chooses its fastest ChaCha20 only then.
  CHECK(sodium_init() >= 0);
  Bytes encrypted(piece.size() + kPieceTagBytes);
  const Nonce nonce = nonce_of(number);
  unsigned long long size = 0;
  CHECK(crypto_aead_chacha20poly1305_ietf_encrypt(encrypted.data(), &size, piece.data(), piece.size(),
                                                  companion.data(), companion.size(), nullptr, nonce.data(),
                                                  key.bytes.data()) == 0);
  CHECK(size == encrypted.size());
  return encrypted;
}

std::optional<Bytes> decrypt_piece(const CipherKey& key, uint64_t number, ByteView companion,
                                   ByteView encrypted) {
  CHECK(sodium_init() >= 0);
  if (encrypted.size() < kPieceTagBytes) return std::nullopt;
  Bytes piece(encrypted.size() - kPieceTagBytes);
  const Nonce nonce = nonce_of(number);
  unsigned long long size = 0;
  if (crypto_aead_chacha20poly1305_ietf_decrypt(piece.data(), &size, nullptr, encrypted.data(),
                                                encrypted.size(), companion.data(), companion.size(),
                                                nonce.data(), key.bytes.data()) != 0)
    return std::nullopt;
  CHECK(size == piece.size());
  return piece;
}

}  // namespace templar
