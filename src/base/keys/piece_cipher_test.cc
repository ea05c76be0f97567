#include "base/keys/piece_cipher.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/hash.h"

namespace templar {
namespace {

CipherKey key_of(std::string_view text) {
  return {blake2b_256(as_bytes(text)).bytes};
}
Bytes bytes_of(std::string_view text) {
  const ByteView view = as_bytes(text);
  return {view.begin(), view.end()};
}

TEST(PieceCipher, GivesBackWhatWasEncrypted) {
  for (const size_t size : {0u, 1u, 63u, 64u, 65u, 1000u}) {
    Bytes piece(size);
    for (size_t i = 0; i < size; ++i) piece[i] = static_cast<uint8_t>(i * 7);
    const Bytes encrypted = encrypt_piece(key_of("k"), 3, as_bytes("with"), piece);
    EXPECT_EQ(encrypted.size(), size + kPieceTagBytes);
    EXPECT_EQ(decrypt_piece(key_of("k"), 3, as_bytes("with"), encrypted), piece);
  }
}

TEST(PieceCipher, DecryptsNothingOfAnythingElse) {
  const Bytes piece = bytes_of("a contribution, or a part of one");
  const Bytes encrypted = encrypt_piece(key_of("k"), 3, as_bytes("with"), piece);
  EXPECT_FALSE(decrypt_piece(key_of("l"), 3, as_bytes("with"), encrypted));
  EXPECT_FALSE(decrypt_piece(key_of("k"), 4, as_bytes("with"), encrypted));
  EXPECT_FALSE(decrypt_piece(key_of("k"), 3, as_bytes("without"), encrypted));
  for (size_t i = 0; i < encrypted.size(); ++i) {
    Bytes changed = encrypted;
    changed[i] ^= 1;
    EXPECT_FALSE(decrypt_piece(key_of("k"), 3, as_bytes("with"), changed)) << i;
  }
  for (size_t size = 0; size < encrypted.size(); ++size)
    EXPECT_FALSE(decrypt_piece(key_of("k"), 3, as_bytes("with"), ByteView(encrypted).first(size))) << size;
}

// Key, companion and text of RFC 8439, 2.8.2, under a nonce of our form: what another implementation makes of
// them (the Python package cryptography).
TEST(PieceCipher, IsChaCha20Poly1305) {
  CipherKey key;
  for (size_t i = 0; i < key.bytes.size(); ++i) key.bytes[i] = static_cast<uint8_t>(0x80 + i);
  const Bytes companion = from_hex("50515253c0c1c2c3c4c5c6c7").value();
  const Bytes encrypted = encrypt_piece(key, 0x4746454443424140, companion, as_bytes("Ladies and Gentlemen"));
  EXPECT_EQ(to_hex(encrypted), "b5b448479bee30b9acf95beb6270c95e318bc5aaaac8dbfe5b92083295148dfbc21467de");
}

}  // namespace
}  // namespace templar
