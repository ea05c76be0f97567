// Ed25519 identities (RFC 8032), by libsodium.
#pragma once

#include <array>
#include <filesystem>

#include "base/bytes.h"

namespace templar {

struct PublicKey {
  std::array<uint8_t, 32> bytes{};
  auto operator<=>(const PublicKey&) const = default;
  [[nodiscard]] std::string hex() const { return to_hex(bytes); }
};

struct Signature {
  std::array<uint8_t, 64> bytes{};
  auto operator<=>(const Signature&) const = default;
};

// A secret key with its public half. The secret is wiped from memory when the pair goes away.
class KeyPair {
 public:
  [[nodiscard]] static KeyPair generate();
  // The same seed gives the same pair: for tests and for a localnet, whose keys guard nothing.
  [[nodiscard]] static KeyPair from_seed(const std::array<uint8_t, 32>& seed);

  KeyPair(const KeyPair&) = default;
  KeyPair& operator=(const KeyPair&) = default;
  ~KeyPair();

  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }
  [[nodiscard]] Signature sign(ByteView message) const;

  // The file holds the 32-byte seed as one line of hexadecimal digits and is readable by its owner alone.
  // save fails (fatal) where a file exists already: a key is never overwritten. load fails (fatal) on
  // anything but such a file; from then on the seed is a secret that no log shows (base/log/secrets.h).
  [[nodiscard]] Status save(const std::filesystem::path& path) const;
  [[nodiscard]] static Result<KeyPair> load(const std::filesystem::path& path);

 private:
  KeyPair() = default;
  PublicKey public_key_;
  std::array<uint8_t, 64> secret_{};
};

[[nodiscard]] bool verify(const PublicKey& key, ByteView message, const Signature& signature);
[[nodiscard]] Result<PublicKey> parse_public_key(std::string_view hex);

}  // namespace templar
