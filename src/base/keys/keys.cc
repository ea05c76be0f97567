#include "base/keys/keys.h"

#include <sodium.h>

#include <algorithm>
#include <string>

#include "base/check.h"
#include "base/files/file.h"
#include "base/keys/secret_file.h"
#include "base/keys/verified_signatures.h"
#include "base/log/secrets.h"

namespace templar {

KeyPair KeyPair::generate() {
  CHECK(sodium_init() >= 0);
  std::array<uint8_t, 32> seed;
  randombytes_buf(seed.data(), seed.size());
  KeyPair pair = from_seed(seed);
  sodium_memzero(seed.data(), seed.size());
  return pair;
}

KeyPair KeyPair::from_seed(const std::array<uint8_t, 32>& seed) {
  CHECK(sodium_init() >= 0);
  KeyPair pair;
  CHECK(crypto_sign_seed_keypair(pair.public_key_.bytes.data(), pair.secret_.data(), seed.data()) == 0);
  return pair;
}

KeyPair::~KeyPair() {
  sodium_memzero(secret_.data(), secret_.size());
}

Signature KeyPair::sign(ByteView message) const {
  Signature signature;
  CHECK(crypto_sign_detached(signature.bytes.data(), nullptr, message.data(), message.size(),
                             secret_.data()) == 0);
  return signature;
}

Status KeyPair::save(const std::filesystem::path& path) const {
  // The seed is the first half of the secret.
  const std::string line = to_hex(ByteView(secret_).first(32)) + "\n";
  const auto is_new = create_secret_file(path, line);
  if (!is_new) return annotate(is_new.error(), "key file");
  if (*is_new) return {};
  return fatal_error("key file " + path.string() + ": exists already, and a key is never overwritten");
}

Result<KeyPair> KeyPair::load(const std::filesystem::path& path) {
  TRY_ASSIGN(const Bytes bytes, read_file(path, 4096));
  std::string_view text = as_text(bytes);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  const auto seed_bytes = from_hex(text);
  if (!seed_bytes || seed_bytes->size() != 32) {
    return fatal_error("key file " + path.string() + ": not a key; `templar key new FILE` makes one");
  }
  std::array<uint8_t, 32> seed;
  std::copy(seed_bytes->begin(), seed_bytes->end(), seed.begin());
  register_secret_bytes(seed);
  return from_seed(seed);
}

bool verify(const PublicKey& key, ByteView message, const Signature& signature) {
  VerifiedSignatures* const before = VerifiedSignatures::living();
  const Hash256 hash = before != nullptr ? VerifiedSignatures::hash_of(key, message, signature) : Hash256();
  if (before != nullptr && before->contains(hash)) return true;
  const bool is_right = crypto_sign_verify_detached(signature.bytes.data(), message.data(), message.size(),
                                                    key.bytes.data()) == 0;
  if (is_right && before != nullptr) before->add(hash);
  return is_right;
}

Result<PublicKey> parse_public_key(std::string_view hex) {
  TRY_ASSIGN(const Bytes bytes, from_hex(hex));
  PublicKey key;
  if (bytes.size() != key.bytes.size()) return skip_error("a public key has 64 hexadecimal digits");
  std::copy(bytes.begin(), bytes.end(), key.bytes.begin());
  return key;
}

}  // namespace templar
